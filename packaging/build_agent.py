"""Freezes the agent into a folder with its own Python: dist/passmuster-agent.

    .venv/bin/python packaging/build_agent.py [--out DIR]

The folder is built from the project's wheel without the server, in an environment whose versions
are those of locks/dev.txt, or not at all. It prints what the folder weighs and how long the agent
takes to start; the last line is JSON. The same recipe serves Linux, macOS and Windows; it has run
on Linux only. The folder runs on systems whose C library is at least as new as this one's.
"""

import argparse
import importlib.metadata
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import third_party
from artefacts import MIB, REPOSITORY, commit_time, size, wheel

from benchmarks.last_line import print_figures

LOCK = REPOSITORY / "locks" / "dev.txt"
SPEC = REPOSITORY / "packaging" / "frozen" / "agent.spec"
NAME = "passmuster-agent"
PARTS = ("passmuster_agent/", "passmuster_collectors/")
STARTS = 7


def unlocked() -> list[str]:
    """Return the installed packages whose versions are not the locked ones."""
    found = []
    for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", LOCK.read_text("utf-8")):
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # another system's
        if installed != version:
            found.append(f"{name} {installed} (locked: {version})")
    return found


def unpack(built: Path, folder: Path) -> None:
    """Unpack the agent's and the collectors' part of the wheel into `folder`."""
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(PARTS)])


def freeze(sources: Path, work: Path, out: Path) -> Path:
    """Run PyInstaller over `sources` and return the finished folder inside `out`."""
    # Hashes of strings decide orders in byte code; without a seed two builds would differ.
    environment = {
        **os.environ,
        "PASSMUSTER_SOURCES": str(sources),
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": commit_time(),
    }
    log = work / "pyinstaller.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean"),
                *("--workpath", str(work / "pyinstaller"), "--distpath", str(out), str(SPEC)),
            ],
            env=environment,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-15:])
        raise SystemExit(f"PyInstaller failed; all of it is in {log}:\n{tail}")
    return out / NAME


def forget_this_machine(folder: Path) -> None:
    """Remove the folders in which this machine's own Python looks for libraries.

    On a laptop such a folder may be one that somebody else can write to.
    """
    for path in folder.rglob("*.so*"):
        told = subprocess.check_output(["objdump", "-p", str(path)], text=True)  # noqa: S607
        places = re.findall(r"R(?:UN)?PATH\s+(\S+)", told)
        if any(not place.startswith("$ORIGIN") for place in places):
            if shutil.which("patchelf") is None:
                raise SystemExit("patchelf is not installed; it removes a search path.")
            subprocess.check_call(["patchelf", "--remove-rpath", str(path)])  # noqa: S607


def start_ms(program: Path) -> float:
    """Return the median of how long the agent takes to start and say its version."""
    times = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.check_call([str(program), "--version"], stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist", help="default: dist")
    out = parser.parse_args().out.resolve()
    wrong = unlocked()
    if wrong:
        raise SystemExit(f"Not the locked versions: {', '.join(wrong)}. Run: make .venv/.dev")
    work = out / "work"
    shutil.rmtree(work, ignore_errors=True)
    sources = work / "sources"
    sources.mkdir(parents=True)
    unpack(wheel(work / "wheel"), sources)
    folder = freeze(sources, work, out)
    program = folder / (f"{NAME}.exe" if os.name == "nt" else NAME)
    if sys.platform == "linux":
        forget_this_machine(folder)
    components = third_party.gather(program, folder / "_internal", folder / "licenses")
    print(f"Holds, with their licences: {', '.join(components)}")
    weight, took = size(folder) / MIB, start_ms(program)
    print(f"{folder}: {weight:.1f} MiB, starts in {took:.0f} ms")
    print_figures("build_agent", folder_mib=round(weight, 1), start_ms=round(took))


if __name__ == "__main__":
    main()
