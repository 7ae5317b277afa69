"""Makes a Debian package of a frozen agent: passmuster-agent_VERSION_ARCHITECTURE.deb.

    .venv/bin/python packaging/build_deb.py [--agent DIR] [--out DIR] [--version VERSION]

`--agent` is what packaging/build_agent.py built. The package depends on a C library as new as the
frozen files need, read from them with objdump. The last line is JSON.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import MIB, REPOSITORY, commit_time, size

from benchmarks.last_line import print_figures
from passmuster_collectors import __version__

PACKAGING = REPOSITORY / "packaging"
DEBIAN = PACKAGING / "debian"
NAME = "passmuster-agent"

C_LIBRARY = re.compile(
    r"(libc|libm|libdl|libpthread|librt|libutil|libresolv)\.so\.\d|ld-linux.*\.so\.\d"
)
FROM_THE_SYSTEM = {"libz.so.1": "zlib1g"}
"""What the executable itself may load before it knows where its own libraries are."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    dist = REPOSITORY / "dist"
    parser.add_argument("--agent", type=Path, default=dist / NAME, help=f"default: dist/{NAME}")
    parser.add_argument("--out", type=Path, default=dist, help="default: dist")
    parser.add_argument("--version", default=__version__, help=f"default: {__version__}")
    options = parser.parse_args()
    if not (options.agent / NAME).is_file():
        raise SystemExit(f"There is no agent in {options.agent}; build_agent.py makes one.")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        lay_out(root, options.agent, options.version)
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


def lay_out(root: Path, agent: Path, version: str) -> None:
    """Put every file where the package will have it, under `root`."""
    library = root / "usr/lib" / NAME
    shutil.copytree(agent, library, symlinks=True)
    documents = root / "usr/share/doc" / NAME
    documents.mkdir(parents=True)
    (library / "licenses").rename(documents / "third-party")
    shutil.copyfile(DEBIAN / "copyright", documents / "copyright")
    (documents / "changelog.gz").write_bytes(gzip.compress(changelog(version), 9, mtime=0))
    manual = root / "usr/share/man/man1"
    manual.mkdir(parents=True)
    page = (DEBIAN / f"{NAME}.1").read_bytes()
    (manual / f"{NAME}.1.gz").write_bytes(gzip.compress(page, 9, mtime=0))
    commands = root / "usr/bin"
    commands.mkdir()
    (commands / NAME).symlink_to(f"../lib/{NAME}/{NAME}")
    units = PACKAGING / "systemd"
    for source, target in (
        *((each, "usr/lib/systemd/system") for each in units.glob("passmuster-agent*.*")),
        *((each, "usr/lib/systemd/user") for each in (units / "user").iterdir()),
        *((each, "usr/lib/sysusers.d") for each in (units / "sysusers.d").iterdir()),
        *((each, "usr/lib/tmpfiles.d") for each in (units / "tmpfiles.d").iterdir()),
        *((each, "etc/xdg/autostart") for each in (PACKAGING / "autostart").iterdir()),
        (DEBIAN / "lintian-overrides", "usr/share/lintian/overrides"),
    ):
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        name = NAME if source.name == "lintian-overrides" else source.name
        shutil.copyfile(source, folder / name)
    set_modes(root)


def set_modes(root: Path) -> None:
    """Give folders and files the modes that Debian expects, whatever this user's umask is."""
    program = root / "usr/lib" / NAME / NAME
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == program else 0o644)


def changelog(version: str) -> bytes:
    """Return Debian's form of a changelog, which points to the project's own."""
    date = formatdate(float(commit_time()), localtime=False)
    return (
        f"{NAME} ({version}) stable; urgency=medium\n\n"
        f"  * Release {version}; what is new is told in the project's CHANGELOG.md.\n\n"
        f" -- Passmuster maintainers <maintainers@passmuster.example>  {date}\n"
    ).encode()


def depends(agent: Path) -> str:
    """Return what the frozen files need of a system. Raises `SystemExit` for what is missing."""
    files = [path for path in agent.rglob("*") if path.is_file() and is_elf(path)]
    own = {path.name for path in files}
    told = {path: printed("objdump", "-p", str(path)) for path in files}
    lacking = {
        name
        for path, text in told.items()
        for name in re.findall(r"NEEDED\s+(\S+)", text)
        if not C_LIBRARY.fullmatch(name)
        and name not in (FROM_THE_SYSTEM if path.name == NAME else own)
    }
    if lacking:
        raise SystemExit(f"The agent does not hold what it needs: {', '.join(sorted(lacking))}")
    versions = re.findall(r"\bGLIBC_(\d+)\.(\d+)", "\n".join(told.values()))
    newest = max((int(major), int(minor)) for major, minor in versions)
    libraries = [package for name, package in FROM_THE_SYSTEM.items() if name in told[agent / NAME]]
    return ", ".join((f"libc6 (>= {newest[0]}.{newest[1]})", "systemd (>= 247)", *libraries))


def write_control(root: Path, version: str, architecture: str, needs: str) -> None:
    """Write the package's control files."""
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    values = {
        "VERSION": version,
        "ARCHITECTURE": architecture,
        "DEPENDS": needs,
        "INSTALLED_SIZE": str(-(-size(root) // 1024)),
    }
    text = (DEBIAN / "control.in").read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
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
        shutil.copyfile(DEBIAN / name, control / name)
        (control / name).chmod(0o755)


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def printed(*command: str) -> str:
    return subprocess.check_output(command, text=True, env={**os.environ, "LC_ALL": "C"})


if __name__ == "__main__":
    main()
