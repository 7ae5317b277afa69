"""Packs what a server is installed from: dist/passmuster-server-VERSION.tar.gz and its folder.

    .venv/bin/python packaging/build_server.py [--out DIR]

It holds the wheel, `requirements.txt` with the hash of the wheel and of all that it needs,
`requirements-telemetry.txt` with what traces need beside it, the systemd unit, an example of the
settings, and the recipes for containers. The folder is also what the container image is built
from. The last line is JSON.
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import MIB, REPOSITORY, tarball, wheel

from benchmarks.last_line import print_figures
from passmuster_collectors import __version__

RECIPES = REPOSITORY / "packaging" / "server"
LOCK = REPOSITORY / "locks" / "server.txt"
TELEMETRY_LOCK = REPOSITORY / "locks" / "telemetry.txt"
NAME = "passmuster-server"


def requirements(built: Path) -> str:
    """Return the lock with the wheel added to it, each with its hash."""
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    return f"./{built.name} --hash=sha256:{digest}\n{LOCK.read_text('utf-8')}"


def lay_out(folder: Path) -> None:
    """Put the wheel and everything beside it into `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(RECIPES, folder)
    built = wheel(folder)
    (folder / "requirements.txt").write_text(requirements(built), encoding="utf-8")
    shutil.copyfile(TELEMETRY_LOCK, folder / "requirements-telemetry.txt")
    for name in ("LICENSE", "CHANGELOG.md"):
        shutil.copyfile(REPOSITORY / name, folder / name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist", help="default: dist")
    out = parser.parse_args().out.resolve()
    folder = out / f"{NAME}-{__version__}"
    lay_out(folder)
    packed = out / f"{folder.name}.tar.gz"
    tarball(folder, packed)
    weight = packed.stat().st_size / MIB
    print(f"{packed}: {weight:.1f} MiB")
    print_figures("build_server", tarball_mib=round(weight, 1))


if __name__ == "__main__":
    main()
