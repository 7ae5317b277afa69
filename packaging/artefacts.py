"""What the scripts that build share: the wheel, its date, and tarballs that come out the same."""

import gzip
import os
import subprocess
import sys
import tarfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
MIB = 1024 * 1024
UNDATED = "315532800"
"""1980, the earliest time that a zip file can hold: for sources without their history."""


def commit_time() -> str:
    """Return when the last commit was made, in seconds since 1970; it dates what is built.

    `SOURCE_DATE_EPOCH` goes before it (reproducible-builds.org/specs/source-date-epoch).
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    asked = subprocess.run(
        ["git", "log", "-1", "--format=%ct"],  # noqa: S607 - the developer's own git
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or UNDATED


def wheel(folder: Path) -> Path:
    """Build the project's wheel in `folder` and return it."""
    subprocess.check_call(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SOURCE_DATE_EPOCH": commit_time()},
    )
    (built,) = folder.glob("passmuster-*.whl")
    return built


def tarball(folder: Path, path: Path) -> None:
    """Pack `folder`, under its own name, into `path`: root's, in order, of the commit's time."""
    date = int(commit_time())

    def normal(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = date
        executable = member.isdir() or member.issym() or bool(member.mode & 0o100)
        member.mode = 0o755 if executable else 0o644
        return member

    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=date) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for each in (folder, *sorted(folder.rglob("*"))):
            name = each.relative_to(folder.parent)
            archive.add(each, arcname=str(name), recursive=False, filter=normal)


def size(folder: Path) -> int:
    """Return the bytes of all files in `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
