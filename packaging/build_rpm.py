"""Makes an RPM of a frozen agent: passmuster-agent-VERSION-1.ARCHITECTURE.rpm.

    .venv/bin/python packaging/build_rpm.py [--agent DIR] [--out DIR] [--version VERSION]

`--agent` is what packaging/build_agent.py built. Needs `rpmbuild`, on any system. The last line is
JSON.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import MIB, commit_time, size
from linux_layout import PACKAGING, c_library, filled, from_the_system, lay_out, options_of

from benchmarks.last_line import print_figures

SPEC = PACKAGING / "rpm" / "passmuster-agent.spec.in"
OWN_FOLDERS = ("usr/lib/passmuster-agent", "usr/share/doc/passmuster-agent")


def main() -> None:
    options = options_of(__doc__)
    if shutil.which("rpmbuild") is None:
        raise SystemExit("rpmbuild is not installed; on Debian its package is rpm.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        root = folder / "root"
        lay_out(root, options.agent)
        spec = folder / "passmuster-agent.spec"
        spec.write_text(spec_of(root, options.agent, options.version), encoding="utf-8")
        subprocess.run(
            [
                *("rpmbuild", "-bb", "--quiet", "--nodeps"),
                *("--define", f"_topdir {folder}/top", "--define", f"_rpmdir {folder}/rpms"),
                *("--dbpath", str(folder / "database"), str(spec)),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": commit_time(), "LC_ALL": "C.UTF-8"},
        )
        (built,) = (folder / "rpms").rglob("*.rpm")
        package = options.out / built.name
        shutil.copyfile(built, package)
        installed = size(root) / MIB
    packed = package.stat().st_size / MIB
    print(f"{package}: {packed:.1f} MiB, {installed:.1f} MiB installed")
    print_figures("build_rpm", rpm_mib=round(packed, 1), installed_mib=round(installed, 1))


def spec_of(root: Path, agent: Path, version: str) -> str:
    """Return the spec file of what lies in `root`."""
    major, minor = c_library(agent)
    # By the names that rpm itself gives to a library and the version of its symbols.
    needs = [f"libc.so.6(GLIBC_{major}.{minor})(64bit)"]
    needs += [f"{name}()(64bit)" for name in from_the_system(agent)]
    return filled(
        SPEC,
        ROOT=str(root),
        VERSION=version,
        REQUIRES="\n".join(f"Requires: {each}" for each in needs),
        FILES="\n".join(files(root)),
    )


def files(root: Path) -> list[str]:
    """Return the lines of %files: each folder that is ours alone, and each file elsewhere."""
    found = [f"/{each}" for each in OWN_FOLDERS]
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if (path.is_dir() and not path.is_symlink()) or name.startswith(OWN_FOLDERS):
            continue
        found.append(f"%config(noreplace) /{name}" if name.startswith("etc/") else f"/{name}")
    return found


if __name__ == "__main__":
    main()
