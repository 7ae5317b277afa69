"""A watch that other threads tell what happened: the callbacks of Windows, for example."""

import contextlib
import socket
import threading
from collections.abc import Iterable

from passmuster_collectors.host.events import NEVER, Events

READ_BYTES = 4096


class ToldWatch:
    """Delivers the triggers in `delivered`; `tell` may be called from any thread at any time."""

    def __init__(self, delivered: Iterable[str]) -> None:
        self._delivered = frozenset(delivered)
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._lost = False
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)

    def tell(self, *triggers: str, lost: bool = False) -> None:
        """Take note of what happened and end the waiting; nothing happens on a closed watch."""
        with self._lock:
            self._told.update(triggers)
            self._lost = self._lost or lost
            # A full socket is readable already, and a closed one has no reader.
            with contextlib.suppress(OSError):
                self._writing.send(b"\0")

    def descriptors(self) -> tuple[int, ...]:
        """Return the socket that becomes readable when something was told."""
        return (self._reading.fileno(),)

    def read(self) -> Events:
        """Return what was told since the last time."""
        with self._lock:
            with contextlib.suppress(OSError):
                while len(self._reading.recv(READ_BYTES)) == READ_BYTES:
                    pass
            told, lost = frozenset(self._told), self._lost
            self._told.clear()
            self._lost = False
        return Events(told, lost)

    def delivers(self, trigger: str) -> bool:
        """Whether somebody is there who would tell."""
        return trigger in self._delivered

    def next_at(self) -> float:
        """Return never: whatever is told makes the socket readable."""
        return NEVER

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            self._reading.close()
            self._writing.close()
