"""Files and folders that belong to the agent alone."""

import contextlib
import os
import secrets
import sys
from pathlib import Path

from passmuster_agent.errors import AgentError, because

if sys.platform == "win32":
    from passmuster_agent.windows import file_rights as rights
else:
    from passmuster_agent import posix_rights as rights

MAX_BYTES = 1_048_576


def make_directory(path: Path) -> None:
    """Create `path` for this user alone (mode 0700, on Windows an access list), or check it.

    Raises `AgentError` where it is a link, someone else's, or open to others.
    """
    try:
        rights.make_folder(path)
        rights.check_folder(path)
    except OSError as error:
        raise AgentError(
            f"The folder {path} cannot be used: {because(error)}.",
            "Name another one with --state, or run this as the user it belongs to.",
        ) from None


def create(path: Path, data: bytes) -> None:
    """Write a new file for this user alone (mode 0600) and bring it to the disk.

    Raises `FileExistsError` when it is there already, `OSError` when it can't be written; then
    nothing of it is left.
    """
    descriptor = rights.create_file(path)
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
    with os.fdopen(os.open(path, rights.open_flags(os.O_RDONLY)), "rb") as file:
        rights.check_file(path, file.fileno())
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
