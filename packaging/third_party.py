"""Gathers the licences of what a frozen agent holds beside our own code."""

import importlib.metadata
import shutil
import subprocess
import sysconfig
from pathlib import Path

from PyInstaller.archive.readers import CArchiveReader

LICENCE_WORDS = ("licen", "copying", "notice", "author", "copyright")


def modules(program: Path) -> set[str]:
    """Return the top-level names of the Python modules in a frozen program."""
    archive = CArchiveReader(str(program)).open_embedded_archive("PYZ.pyz")
    return {name.split(".")[0] for name in archive.toc}


def gather(program: Path, libraries: Path, target: Path) -> list[str]:
    """Copy one folder of licences for each component into `target`; return the components.

    Raises `SystemExit` for a component without a licence: then it must not be shipped.
    """
    target.mkdir()
    found = [_python(target)]
    found += [_distribution(each, target) for each in distributions(program, libraries)]
    for library in sorted(libraries.glob("lib*.so*")):
        if not library.name.startswith("libpython"):
            component = _library(library.name, target)
            if component not in found:
                found.append(component)
    return found


def distributions(program: Path, libraries: Path) -> list[importlib.metadata.Distribution]:
    """Return the Python packages of which a frozen program holds modules or libraries."""
    owners = importlib.metadata.packages_distributions()
    frozen = modules(program) | {path.name.split(".")[0] for path in libraries.iterdir()}
    names = {owner for module in frozen for owner in owners.get(module, ())} - {"passmuster"}
    return [importlib.metadata.distribution(name) for name in sorted(names)]


def package_of(library: str) -> tuple[str, str]:
    """Return the building machine's package, and its version, that a library came from.

    Both are empty where no package manager of Debian's knows it.
    """
    # `dpkg-query --search` tells "package:architecture: path", one a line.
    owner = _asked("--search", f"*/{library}*").partition(":")[0]
    version = _asked("--show", "--showformat", "${Version} ", owner).split(" ")[0] if owner else ""
    return owner, version


def _asked(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["dpkg-query", *arguments],  # noqa: S607 - the building machine's own
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    except OSError:
        return ""


def _python(target: Path) -> str:
    python = f"python-{sysconfig.get_python_version()}"
    candidates = (
        Path(sysconfig.get_path("stdlib")) / "LICENSE.txt",
        Path(f"/usr/share/doc/python{sysconfig.get_python_version()}/copyright"),
    )
    return _copied(python, [path for path in candidates if path.exists()][:1], target)


def _distribution(distribution: importlib.metadata.Distribution, target: Path) -> str:
    paths = [
        Path(str(distribution.locate_file(each)))
        for each in distribution.files or ()
        if ".dist-info" in each.parts[0] and any(w in each.name.lower() for w in LICENCE_WORDS)
    ]
    return _copied(f"{distribution.name}-{distribution.version}", paths, target)


def _library(name: str, target: Path) -> str:
    owner, _ = package_of(name)
    copyright_file = Path("/usr/share/doc") / owner / "copyright"
    return _copied(owner or name, [copyright_file] if owner else [], target)


def _copied(component: str, paths: list[Path], target: Path) -> str:
    present = [path for path in paths if path.is_file()]
    if not present:
        raise SystemExit(f"No licence was found for {component}, which the agent would hold.")
    folder = target / component
    folder.mkdir(exist_ok=True)
    for path in present:
        shutil.copyfile(path, folder / path.name)
    return component
