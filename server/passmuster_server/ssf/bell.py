"""Wakes whoever waits for events on this server."""

import asyncio
import contextlib


class Bell:
    """Rings for all who wait at that moment. Used on the event loop alone."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.closed = False

    def ring(self) -> None:
        """Wake everybody."""
        self._rung.set()
        self._rung = asyncio.Event()

    def close(self) -> None:
        """Wake everybody, for good: the server stops."""
        self.closed = True
        self.ring()

    def next_ring(self) -> asyncio.Event:
        """Return what the next ring sets; taken before a look, no ring in between is missed."""
        return self._rung

    @staticmethod
    async def wait(ring: asyncio.Event, timeout_s: float) -> None:
        """Wait for that ring, or so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ring.wait(), timeout_s)
