"""Where a Linux package puts the agent's files, and what those need of a system."""

import argparse
import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

from artefacts import REPOSITORY

from passmuster_collectors import __version__

PACKAGING = REPOSITORY / "packaging"
NAME = "passmuster-agent"
MAINTAINER = "Passmuster maintainers <maintainers@passmuster.invalid>"
"""Debian's form wants an address. There is none, and RFC 2606 keeps `.invalid` for saying so: the
project is reached through its repository, as SECURITY.md tells."""

C_LIBRARY = re.compile(
    r"(libc|libm|libdl|libpthread|librt|libutil|libresolv)\.so\.\d|ld-linux.*\.so\.\d"
)
UNITS = PACKAGING / "systemd"
PEOPLE_LOGGED_IN = (
    "$(systemctl --no-legend --quiet list-units 'user@*' |"
    r" sed -n 's/.*user@\([0-9][0-9]*\)\.service.*/\1/p')"
)
"""The shell's words for the numbers of their users."""
FROM_THE_SYSTEM = {"libz.so.1": "zlib1g"}
"""What the executable itself may load before it knows where its own libraries are."""


def lay_out(root: Path, agent: Path) -> None:
    """Put every file that each kind of package has where it will be, under `root`."""
    library = root / "usr/lib" / NAME
    shutil.copytree(agent, library, symlinks=True)
    documents = root / "usr/share/doc" / NAME
    documents.mkdir(parents=True)
    (library / "licenses").rename(documents / "third-party")
    manual = root / "usr/share/man/man1"
    manual.mkdir(parents=True)
    page = (PACKAGING / "debian" / f"{NAME}.1").read_bytes()
    (manual / f"{NAME}.1.gz").write_bytes(gzip.compress(page, 9, mtime=0))
    commands = root / "usr/bin"
    commands.mkdir()
    (commands / NAME).symlink_to(f"../lib/{NAME}/{NAME}")
    for source, target in (
        *((each, "usr/lib/systemd/system") for each in UNITS.glob("passmuster-agent*.*")),
        *((each, "usr/lib/systemd/user") for each in (UNITS / "user").iterdir()),
        *((each, "usr/lib/sysusers.d") for each in (UNITS / "sysusers.d").iterdir()),
        *((each, "usr/lib/tmpfiles.d") for each in (UNITS / "tmpfiles.d").iterdir()),
        *((each, "etc/xdg/autostart") for each in (PACKAGING / "autostart").iterdir()),
    ):
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / source.name)
    set_modes(root)


def filled(template: Path, **values: str) -> str:
    """Return a script of a package or its description, with each `@NAME@` in it filled in.

    Known are `ENABLED_UNITS`, which a system starts, sockets first, `OTHER_UNITS`, which sockets
    start, `COMPANION`, each person's, and `PEOPLE_LOGGED_IN`. Raises `SystemExit` for other names.
    """
    units = sorted(UNITS.glob("passmuster-agent*.*"), key=lambda each: (each.suffix, each.name))
    enabled = [each for each in units if "[Install]" in each.read_text("utf-8").splitlines()]
    enabled.sort(key=lambda each: each.suffix != ".socket")
    (companion,) = (UNITS / "user").iterdir()
    text = template.read_text("utf-8")
    for name, value in {
        "ENABLED_UNITS": " ".join(each.name for each in enabled),
        "OTHER_UNITS": " ".join(each.name for each in units if each not in enabled),
        "COMPANION": companion.name,
        "PEOPLE_LOGGED_IN": PEOPLE_LOGGED_IN,
        **values,
    }.items():
        text = text.replace(f"@{name}@", value)
    if left := re.search("@[A-Z_]+@", text):
        raise SystemExit(f"{template}: nothing fills in {left[0]}")
    return text


def set_modes(root: Path) -> None:
    """Give folders and files the modes that packages have, whatever this user's umask is."""
    program = root / "usr/lib" / NAME / NAME
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == program else 0o644)


def c_library(agent: Path) -> tuple[int, int]:
    """Return the oldest version of the C library that the frozen files run with.

    Raises `SystemExit` for a library that they need and that is not among them.
    """
    told = needs(agent)
    own = {path.name for path in told}
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
    return max((int(major), int(minor)) for major, minor in versions)


def from_the_system(agent: Path) -> list[str]:
    """Return the libraries that the executable takes from the system, as `FROM_THE_SYSTEM` has."""
    told = printed("objdump", "-p", str(agent / NAME))
    return [name for name in FROM_THE_SYSTEM if name in told]


def needs(agent: Path) -> dict[Path, str]:
    """Return what objdump says of each frozen file."""
    files = [path for path in agent.rglob("*") if path.is_file() and is_elf(path)]
    return {path: printed("objdump", "-p", str(path)) for path in files}


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def printed(*command: str) -> str:
    return subprocess.check_output(command, text=True, env={**os.environ, "LC_ALL": "C"})


def options_of(description: str | None) -> argparse.Namespace:
    """Return the options that the scripts of all packages have: `agent`, `out` and `version`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    dist = REPOSITORY / "dist"
    parser.add_argument("--agent", type=Path, default=dist / NAME, help=f"default: dist/{NAME}")
    parser.add_argument("--out", type=Path, default=dist, help="default: dist")
    parser.add_argument("--version", default=__version__, help=f"default: {__version__}")
    options = parser.parse_args()
    if not (options.agent / NAME).is_file():
        raise SystemExit(f"There is no agent in {options.agent}; build_agent.py makes one.")
    return options
