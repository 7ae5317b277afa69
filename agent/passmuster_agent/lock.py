"""One at a time: a lock that the kernel lets go of when its holder dies."""

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOOK_AGAIN_S = 0.05


class LockedError(Exception):
    """Another process holds the lock."""


class Lock:
    """An exclusive lock on a file, held from `acquire` until the process ends or leaves the block.

    The file stays: removing it would let two holders lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, wait_s: float = 0.0) -> Self:
        """Take the lock, waiting up to `wait_s` seconds. Raises `LockedError` or `OSError`."""
        deadline = time.monotonic() + wait_s
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise LockedError
            time.sleep(LOOK_AGAIN_S)
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _try(descriptor: int) -> bool:
    if sys.platform == "win32":
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            # EACCES is documented; nothing else can be wrong with a file that was just opened.
            return False
    else:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
