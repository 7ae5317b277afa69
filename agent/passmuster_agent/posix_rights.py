"""Files and folders of Linux and macOS that belong to one user alone: owner and mode."""

import os
import stat
import sys
from pathlib import Path

from passmuster_agent.errors import AgentError

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too


def make_folder(path: Path) -> None:
    """Make the folder, and those above it; nothing happens where it is. Raises `OSError`."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def check_folder(path: Path) -> None:
    """Raise `AgentError` unless it is a folder for this user alone, `OSError` if it can't tell."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise AgentError(f"{path} is not a folder.", "Name another one with --state.")
    if found.st_uid != os.geteuid():
        raise AgentError(
            f"The folder {path} belongs to another user.",
            "Run this as that user (with sudo, say), or name another folder with --state.",
        )
    if found.st_mode & 0o077:
        raise AgentError(f"The folder {path} is open to others.", f"Run: chmod 700 {path}")


def create_file(path: Path) -> int:
    """Return a new file, open for writing, with mode 0600. Raises `OSError`."""
    return os.open(path, open_flags(os.O_WRONLY | os.O_CREAT | os.O_EXCL), 0o600)


def check_file(path: Path, descriptor: int) -> None:
    """Raise `AgentError` unless the open file is this user's alone."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise AgentError(f"{path} is not a file of this user.", "Find out who put it there.")
    if found.st_mode & 0o077:
        raise AgentError(
            f"{path} is open to others.",
            "It may have been copied: enrol again (passmuster-agent enroll --replace), or, "
            f"if you know it was not, run: chmod 600 {path}",
        )


def open_flags(flags: int) -> int:
    """Return the flags with those that no link is followed by."""
    return flags | os.O_NOFOLLOW
