"""Makes a Debian package of a frozen agent: passmuster-agent_VERSION_ARCHITECTURE.deb.

    .venv/bin/python packaging/build_deb.py [--agent DIR] [--out DIR] [--version VERSION]

`--agent` is what packaging/build_agent.py built. The package depends on a C library as new as the
frozen files need, read from them with objdump. The last line is JSON.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import MIB, commit_time, size
from linux_layout import (
    FROM_THE_SYSTEM,
    MAINTAINER,
    NAME,
    PACKAGING,
    c_library,
    filled,
    from_the_system,
    lay_out,
    options_of,
    printed,
    set_modes,
)

from benchmarks.last_line import print_figures

DEBIAN = PACKAGING / "debian"


def main() -> None:
    options = options_of(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        lay_out_for_debian(root, options.agent, options.version)
        architecture = printed("dpkg", "--print-architecture").strip()
        write_control(root, options.version, architecture, depends(options.agent))
        deb = options.out / f"{NAME}_{options.version}_{architecture}.deb"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": commit_time()}
        command = ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", str(root), str(deb)]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        installed = size(root) / MIB
    packed = deb.stat().st_size / MIB
    print(f"{deb}: {packed:.1f} MiB, {installed:.1f} MiB installed")
    print_figures("build_deb", deb_mib=round(packed, 1), installed_mib=round(installed, 1))


def lay_out_for_debian(root: Path, agent: Path, version: str) -> None:
    """Put every file where the package will have it, under `root`."""
    lay_out(root, agent)
    documents = root / "usr/share/doc" / NAME
    shutil.copyfile(DEBIAN / "copyright", documents / "copyright")
    (documents / "changelog.gz").write_bytes(gzip.compress(changelog(version), 9, mtime=0))
    overrides = root / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    shutil.copyfile(DEBIAN / "lintian-overrides", overrides / NAME)
    set_modes(root)


def changelog(version: str) -> bytes:
    """Return Debian's form of a changelog, which points to the project's own."""
    date = formatdate(float(commit_time()), localtime=False)
    return (
        f"{NAME} ({version}) stable; urgency=medium\n\n"
        f"  * Release {version}; what is new is told in the project's CHANGELOG.md.\n\n"
        f" -- {MAINTAINER}  {date}\n"
    ).encode()


def depends(agent: Path) -> str:
    """Return what the frozen files need of a system. Raises `SystemExit` for what is missing."""
    major, minor = c_library(agent)
    libraries = [FROM_THE_SYSTEM[name] for name in from_the_system(agent)]
    return ", ".join((f"libc6 (>= {major}.{minor})", "systemd (>= 247)", *libraries))


def write_control(root: Path, version: str, architecture: str, needs: str) -> None:
    """Write the package's control files."""
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    text = filled(
        DEBIAN / "control.in",
        VERSION=version,
        MAINTAINER=MAINTAINER,
        ARCHITECTURE=architecture,
        DEPENDS=needs,
        INSTALLED_SIZE=str(-(-size(root) // 1024)),
    )
    sums = "".join(
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}"
        f"  {path.relative_to(root)}\n"
        for path in files
        if path.relative_to(root).parts[0] != "etc"
    )
    kept = "".join(f"/{path.relative_to(root)}\n" for path in files if root / "etc" in path.parents)
    for name, content in (("control", text), ("md5sums", sums), ("conffiles", kept)):
        (control / name).write_text(content, encoding="utf-8")
        (control / name).chmod(0o644)
    for name in ("postinst", "prerm", "postrm"):
        (control / name).write_text(filled(DEBIAN / name), encoding="utf-8")
        (control / name).chmod(0o755)


if __name__ == "__main__":
    main()
