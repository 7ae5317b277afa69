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
    owners = importlib.metadata.packages_distributions()
    frozen = modules(program) | {path.name.split(".")[0] for path in libraries.iterdir()}
    names = {owner for module in frozen for owner in owners.get(module, ())} - {"passmuster"}
    found += [_distribution(name, target) for name in sorted(names)]
    for library in sorted(libraries.glob("lib*.so*")):
        if not library.name.startswith("libpython"):
            component = _library(library.name, target)
            if component not in found:
                found.append(component)
    return found


def _python(target: Path) -> str:
    python = f"python-{sysconfig.get_python_version()}"
    candidates = (
        Path(sysconfig.get_path("stdlib")) / "LICENSE.txt",
        Path(f"/usr/share/doc/python{sysconfig.get_python_version()}/copyright"),
    )
    return _copied(python, [path for path in candidates if path.exists()][:1], target)


def _distribution(name: str, target: Path) -> str:
    distribution = importlib.metadata.distribution(name)
    paths = [
        Path(str(distribution.locate_file(each)))
        for each in distribution.files or ()
        if ".dist-info" in each.parts[0] and any(w in each.name.lower() for w in LICENCE_WORDS)
    ]
    return _copied(f"{name}-{distribution.version}", paths, target)


def _library(name: str, target: Path) -> str:
    owner = subprocess.run(
        ["dpkg-query", "--search", f"*/{name}*"],  # noqa: S607 - the building machine's own
        capture_output=True,
        text=True,
        check=False,
    ).stdout.partition(":")[0]
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
