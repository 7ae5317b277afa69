"""Mounts and swap areas that come and go: the kernel wakes whoever polls their lists in /proc.

A volume that is mounted late makes no uevent. `proc(5)`: `/proc/[pid]/mounts` and `/proc/swaps`
can be polled and raise POLLPRI when they change.
"""

import os
import select
import sys
from contextlib import suppress

from passmuster_collectors.host.events import MOUNT, NEVER, Events

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

LISTS = ("/proc/self/mountinfo", "/proc/swaps")
MAX_BYTES = 4_194_304


class MountWatch:
    """Tells that the lists have changed.

    The kernel raises POLLPRI once, for whoever asks first, which is the one that waits on our
    descriptor. So what has changed is told from the lists themselves.
    """

    def __init__(self) -> None:
        self._files: list[int] = []
        # These files are always readable: only an epoll of our own can wait for POLLPRI alone.
        self._changes = select.epoll()
        for path in LISTS:
            with suppress(OSError):
                opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                self._files.append(opened)
                self._changes.register(opened, select.EPOLLPRI)
        self._known = self._read_lists()

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when a list changes."""
        return (self._changes.fileno(),)

    def delivers(self, trigger: str) -> bool:
        """Whether it is `MOUNT`, and both lists are there."""
        return trigger == MOUNT and len(self._files) == len(LISTS)

    def next_at(self) -> float:
        """Return that there is nothing to do without an event."""
        return NEVER

    def read(self) -> Events:
        """Return `MOUNT` if a list is not what it was."""
        self._changes.poll(0)
        found = self._read_lists()
        changed, self._known = found != self._known, found
        return Events(frozenset({MOUNT})) if changed else Events()

    def close(self) -> None:
        """Stop watching."""
        self._changes.close()
        for opened in self._files:
            os.close(opened)

    def _read_lists(self) -> tuple[int, ...]:
        """Return a number for each list that changes with it; the lists may be long."""
        return tuple(hash(_content(each)) for each in self._files)


def _content(opened: int) -> bytes:
    content = bytearray()
    with suppress(OSError):
        os.lseek(opened, 0, os.SEEK_SET)
        while (piece := os.read(opened, 65_536)) and len(content) < MAX_BYTES:
            content += piece
    return bytes(content)
