"""Hears on PostgreSQL what other servers and commands have changed (LISTEN)."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

import psycopg
from sqlalchemy import URL

from passmuster_server import notices
from passmuster_server.background import BackgroundTask
from passmuster_server.database import StoreUnavailableError

HEARTBEAT_S = 2.0
ANSWER_S = 5.0
"""A database that does not answer for this long is out of reach."""

BLIND_AFTER_S = 10.0
"""So long the gate may go on with what it knows, while nobody can tell it what has changed."""

AGAIN_S = 0.5
NAME = "passmuster listening"
"""By this an administrator of the database knows the connection."""

_log = logging.getLogger(__name__)

Reread = Callable[[Sequence[notices.Device] | None], Awaitable[None]]
"""Reads these devices' standings again; None: every device's and every policy."""


class ChangeListener:
    """Keeps one connection that listens, and reads everything again whenever it had none.

    What the server of this name moved is in its memory since that commit.
    """

    def __init__(
        self,
        url: URL,
        reread: Reread,
        on_device: Callable[[str, str], Awaitable[None]],
        on_policy: Callable[[], Awaitable[None]],
        own_name: Callable[[], str],
    ) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._reread = reread
        self._on_device = on_device
        self._on_policy = on_policy
        self._own_name = own_name
        self._heard_at: float | None = None
        self.task = BackgroundTask("changes", self._run)

    def in_touch(self) -> bool:
        """Whether what others change is heard at most `BLIND_AFTER_S` later."""
        if self._heard_at is None:
            return False
        return asyncio.get_running_loop().time() - self._heard_at < BLIND_AFTER_S

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, TimeoutError, OSError, StoreUnavailableError) as error:
                _log.warning("changes are not heard: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    async def _listen(self) -> None:
        async with asyncio.timeout(ANSWER_S):
            connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, application_name=NAME
            )
        async with connection:
            await self._ask(connection, f"LISTEN {notices.CHANNEL}")
            # What was changed while nobody listened was told to nobody.
            await self._on_policy()
            await self._reread(None)
            self._heard()
            while True:
                await self._take_in(await self._hear(connection))
                self._heard()

    async def _hear(self, connection: "psycopg.AsyncConnection[tuple[object, ...]]") -> list[str]:
        """Return what has been told, after the heartbeat's time also nothing."""
        told = [
            notice.payload
            async for notice in connection.notifies(timeout=HEARTBEAT_S, stop_after=1)
        ]
        if told:
            told += [notice.payload async for notice in connection.notifies(timeout=0)]
        else:
            # A connection whose other end is gone says nothing either.
            await self._ask(connection, "SELECT 1")
        return told

    async def _take_in(self, told: list[str]) -> None:
        moved: dict[notices.Device, None] = {}
        for payload in told:
            try:
                notice = notices.read(payload)
            except ValueError as error:
                _log.error("a notice: %s", error)
                continue
            if notice.by != self._own_name():
                moved |= dict.fromkeys(notice.moved)
            if notice.changed is not None:
                await self._judge(*notice.changed)
        if moved:
            await self._reread(list(moved))

    async def _judge(self, organisation: str, device: str | None) -> None:
        if device is None:
            await self._on_policy()
            return
        # A device that is not there has nothing to be judged.
        with contextlib.suppress(LookupError):
            await self._on_device(organisation, device)

    async def _ask(
        self, connection: "psycopg.AsyncConnection[tuple[object, ...]]", statement: str
    ) -> None:
        async with asyncio.timeout(ANSWER_S):
            await connection.execute(statement.encode("ascii"))

    def _heard(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()
