"""Files and folders that belong to the agent alone."""

import contextlib
import os
import secrets
import stat
import sys
from pathlib import Path

from passmuster_agent.errors import AgentError, because

MAX_BYTES = 1_048_576


def make_directory(path: Path) -> None:
    """Create `path` with mode 0700, or check that it is this user's alone.

    Raises `AgentError` where it is a link, someone else's, or open to others.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise AgentError(
            f"The folder {path} cannot be used: {because(error)}.",
            "Name another one with --state, or run this as the user it belongs to.",
        ) from None
    if not stat.S_ISDIR(found.st_mode):
        raise AgentError(f"{path} is not a folder.", "Name another one with --state.")
    if not _is_ours(found):
        raise AgentError(
            f"The folder {path} belongs to another user.",
            "Run this as that user (with sudo, say), or name another folder with --state.",
        )
    if found.st_mode & 0o077:
        raise AgentError(f"The folder {path} is open to others.", f"Run: chmod 700 {path}")


def create(path: Path, data: bytes) -> None:
    """Write a new file with mode 0600 and bring it to the disk.

    Raises `FileExistsError` when it is there already, `OSError` when it can't be written; then
    nothing of it is left.
    """
    descriptor = os.open(path, _flags(os.O_WRONLY | os.O_CREAT | os.O_EXCL), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of `path` at once: after a crash it is the old one or the new one."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    create(fresh, data)
    try:
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    with contextlib.suppress(OSError):
        # From here on the new content is what everybody reads, durable or not.
        sync_directory(path.parent)


def read(path: Path) -> bytes:
    """Return the content of a file that belongs to this user alone.

    Raises `FileNotFoundError`, `OSError`, and `AgentError` where others may read it.
    """
    with os.fdopen(os.open(path, _flags(os.O_RDONLY)), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or not _is_ours(found):
            raise AgentError(f"{path} is not a file of this user.", "Find out who put it there.")
        if found.st_mode & 0o077:
            raise AgentError(
                f"{path} is open to others.",
                "It may have been copied: enrol again (passmuster-agent enroll --replace), or, "
                f"if you know it was not, run: chmod 600 {path}",
            )
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise AgentError(f"{path} is larger than {MAX_BYTES} bytes.", "Find out who wrote it.")
    return data


def sync_directory(path: Path) -> None:
    """Bring the names in a folder to the disk; only then does a new file survive a power cut."""
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flags(flags: int) -> int:
    if sys.platform == "win32":
        return flags | os.O_BINARY
    return flags | os.O_NOFOLLOW


def _is_ours(found: os.stat_result) -> bool:
    """Whether a file is this user's; never so on Windows, where rights are not modes."""
    return sys.platform != "win32" and found.st_uid == os.geteuid()
