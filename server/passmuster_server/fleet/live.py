"""Tells open pages that the fleet has changed (server-sent events), and nothing more than that.

The page then fetches itself again, so there is one way to draw it, with and without scripts.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from passmuster_server.policy.standing import Standing
from passmuster_server.policy.standings import Standings

MAX_LISTENERS = 200
PULSE_S = 15.0
"""How often a quiet stream says that it is alive, and asks whether it still may listen."""
GATHER_S = 0.25
"""Changes this close to one another are told as one."""

HELLO = b"retry: 3000\n\n"
CHANGED = b"event: changed\ndata: \n\n"
PULSE = b": \n\n"


class TooManyListenersError(Exception):
    """Every place is taken; the page works without."""


class LiveFleet:
    """The open pages of every organisation."""

    def __init__(self, standings: Standings) -> None:
        self._waiting: dict[asyncio.Event, tuple[str, str | None]] = {}
        self._closed = False
        standings.listen(self._changed)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for event in self._waiting:
            event.set()

    def stream(
        self, organisation: str, may_listen: Callable[[], Awaitable[bool]], group: str | None = None
    ) -> AsyncIterator[bytes]:
        """Return the events for one page, of one group alone unless `group` is None.

        Raises `TooManyListenersError`.
        """
        if len(self._waiting) >= MAX_LISTENERS or self._closed:
            raise TooManyListenersError
        return self._events((organisation, group), may_listen)

    async def _events(
        self, whose: tuple[str, str | None], may_listen: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        event = asyncio.Event()
        self._waiting[event] = whose
        clock = asyncio.get_running_loop().time
        pulse_at = clock() + PULSE_S
        try:
            yield HELLO
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), max(0.0, pulse_at - clock()))
                if self._closed:
                    return
                if clock() >= pulse_at:
                    # Also where changes never pause: who signed out hears no more of them.
                    if not await may_listen():
                        return
                    pulse_at = clock() + PULSE_S
                    yield PULSE
                if event.is_set():
                    await asyncio.sleep(GATHER_S)
                    event.clear()
                    yield CHANGED
        finally:
            del self._waiting[event]

    def _changed(self, before: Standing | None, after: Standing) -> None:
        concerned = {None, after.group, after.group if before is None else before.group}
        for event, (organisation, group) in self._waiting.items():
            if organisation == after.organisation and group in concerned:
                event.set()
