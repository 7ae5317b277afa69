"""Makes the macOS installer of a frozen agent: passmuster-agent-VERSION.pkg. Runs on a Mac.

    .venv/bin/python packaging/build_pkg.py [--sign-code ID] [--sign-package ID] [--dry-run]

`--dry-run` lays the files out in `dist/macos` and prints the commands; that much runs anywhere. The
property lists are those that `passmuster-agent service install` writes. Notarising comes after it
and needs Apple's service: docs/install-macos.md. No Mac has run this recipe yet.
"""

import argparse
import platform
import plistlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artefacts import REPOSITORY

from passmuster_agent.service import launchd
from passmuster_collectors import __version__

RECIPE = REPOSITORY / "packaging" / "macos"
NAME = "passmuster-agent"
PLACE = f"/Library/Application Support/Passmuster/{NAME}"
STATE = f"/Library/Application Support/{NAME}"
MACH_O = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""A 64-bit file and one for several processors (mach-o/loader.h, mach-o/fat.h)."""


def lay_out(work: Path, agent: Path) -> None:
    """Put the files where the package will have them below `work`/root, and its scripts beside."""
    shutil.rmtree(work, ignore_errors=True)
    root = work / "root"
    shutil.copytree(agent, root / PLACE[1:], symlinks=True)
    commands = root / "usr/local/bin"
    commands.mkdir(parents=True)
    (commands / NAME).symlink_to(f"{PLACE}/{NAME}")
    program = f"{PLACE}/{NAME}"
    for folder, label, content in (
        (launchd.DAEMONS, launchd.LABEL, launchd.daemon([program, "run", "--state", STATE])),
        (launchd.AGENTS, launchd.COMPANION_LABEL, launchd.companion([program, "companion"])),
    ):
        target = root / folder.relative_to("/")
        target.mkdir(parents=True)
        (target / f"{label}.plist").write_bytes(plistlib.dumps(dict(content)))
        (target / f"{label}.plist").chmod(0o644)
    scripts = work / "scripts"
    shutil.copytree(RECIPE / "scripts", scripts)
    for script in scripts.iterdir():
        script.chmod(0o755)
    text = (RECIPE / "distribution.xml").read_text("utf-8")
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    text = text.replace("@VERSION@", __version__).replace("@ARCHITECTURE@", machine)
    (work / "distribution.xml").write_text(text, encoding="utf-8")


def commands(work: Path, package: Path, code: str, installer: str) -> Iterator[Sequence[str]]:
    """Yield the commands in their order: sign what runs, pack it, make the installer, sign that."""
    root = work / "root"
    if code:
        sign = ("codesign", "--force", "--timestamp", "--options", "runtime", "--sign", code)
        program = root / PLACE[1:] / NAME
        # What a program loads is signed before the program.
        for path in (each for each in sorted(root.rglob("*")) if is_mach_o(each)):
            if path != program:
                yield (*sign, str(path))
        yield (*sign, "--entitlements", str(RECIPE / "entitlements.plist"), str(program))
    yield (
        *("pkgbuild", "--root", str(root), "--scripts", str(work / "scripts")),
        *("--identifier", launchd.LABEL, "--version", __version__, "--ownership", "recommended"),
        str(work / "component.pkg"),
    )
    yield (
        *("productbuild", "--distribution", str(work / "distribution.xml")),
        *("--package-path", str(work), *(("--sign", installer) if installer else ())),
        str(package),
    )


def is_mach_o(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in MACH_O


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    dist = REPOSITORY / "dist"
    parser.add_argument("--agent", type=Path, default=dist / NAME, help=f"default: dist/{NAME}")
    parser.add_argument("--out", type=Path, default=dist, help="default: dist")
    parser.add_argument("--sign-code", default="", help="Developer ID Application: ...")
    parser.add_argument("--sign-package", default="", help="Developer ID Installer: ...")
    parser.add_argument("--dry-run", action="store_true", help="print the commands")
    options = parser.parse_args()
    if sys.platform != "darwin" and not options.dry_run:
        raise SystemExit("A Mac makes this package; --dry-run prints how.")
    work = options.out.resolve() / "macos"
    lay_out(work, options.agent)
    package = options.out.resolve() / f"{NAME}-{__version__}.pkg"
    for command in commands(work, package, options.sign_code, options.sign_package):
        print(shlex.join(command))
        if not options.dry_run:
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
