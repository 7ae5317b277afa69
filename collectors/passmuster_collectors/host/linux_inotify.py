"""Changes in folders: inotify(7), by the C library."""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

# include/uapi/linux/inotify.h
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
OVERFLOW = 0x4000
IGNORED = 0x8000
ONLYDIR = 0x0100_0000

MASK = (
    ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
) | ONLYDIR
GONE = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED

NONBLOCK = 0o4000
CLOEXEC = 0o2000000

HEADER = struct.Struct("=iIII")
"""`struct inotify_event`: watch, mask, cookie, length of the name."""

BUFFER = 65_536
MAX_READS = 64


@dataclass(frozen=True)
class FolderEvent:
    """Something happened to `name` in the folder of `watch`, or to the folder itself."""

    watch: int
    mask: int
    name: str


def parse(data: bytes) -> Iterator[FolderEvent]:
    """Yield the events in what was read. Raises `ValueError` where they are cut off."""
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise ValueError("an event is cut off")
        watch, mask, _, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        if at + length > len(data):
            raise ValueError("a name is cut off")
        name = data[at : at + length].partition(b"\0")[0]
        at += length
        yield FolderEvent(watch, mask, os.fsdecode(name))


class Folders:
    """Folders that are watched. Raises `OSError` where the kernel has no inotify left."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = int(self._libc.inotify_init1(NONBLOCK | CLOEXEC))
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def fileno(self) -> int:
        """Return what becomes readable."""
        return self._descriptor

    def add(self, path: str) -> int:
        """Watch a folder and return its number: the same one for the same folder.

        Raises `OSError`, such as `FileNotFoundError`, `PermissionError`, `NotADirectoryError`.
        """
        found = int(self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), MASK))
        if found < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
        return found

    def read(self) -> tuple[FolderEvent, ...]:
        """Return what has happened, without waiting."""
        found: list[FolderEvent] = []
        with suppress(BlockingIOError, InterruptedError):
            for _ in range(MAX_READS):
                found.extend(parse(os.read(self._descriptor, BUFFER)))
        return tuple(found)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)
