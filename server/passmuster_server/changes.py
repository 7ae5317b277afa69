"""How a command tells a running server that something changed which the server keeps in memory.

On SQLite a row is added in the same transaction as the change, and the server asks for rows that it
has not seen. On PostgreSQL the servers listen (`listening`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, delete, func, select

from passmuster_server import notices
from passmuster_server.background import BackgroundTask
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.engines import POSTGRESQL
from passmuster_server.schema import METADATA

LOOK_EVERY_S = 0.5
KEPT = 1000
"""Rows that stay: more than commands write between two looks."""

changes = Table(
    "changes",
    METADATA,
    Column("change_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("device_id", String(64)),
    sqlite_autoincrement=True,
)
"""`device_id` is the device that changed; null: the organisation's policy."""

_log = logging.getLogger(__name__)


def announce(connection: Connection, organisation: str, device: str | None) -> None:
    """Tell running servers about a change made in this transaction."""
    if connection.dialect.name == POSTGRESQL:
        notices.tell_changed(connection, organisation, device)
        return
    connection.execute(changes.insert().values(organisation_id=organisation, device_id=device))


def forget_changes(connection: Connection, _: datetime, limit: int) -> int:
    """Delete up to `limit` rows that every server has seen long ago; return how many that was."""
    newest = connection.execute(select(func.max(changes.c.change_id))).scalar() or 0
    seen = select(changes.c.change_id).where(changes.c.change_id <= newest - KEPT).limit(limit)
    return connection.execute(delete(changes).where(changes.c.change_id.in_(seen))).rowcount


class ChangeWatch:
    """Calls `on_device(organisation, device)` or `on_policy()` for each change, in order."""

    def __init__(
        self,
        database: Database,
        on_device: Callable[[str, str], Awaitable[None]],
        on_policy: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._on_device = on_device
        self._on_policy = on_policy
        self.task = BackgroundTask("changes", self._run)
        self._seen = 0

    def in_touch(self) -> bool:
        """Whether changes are heard: those of this one server are made by itself."""
        return True

    def start_from(self, connection: Connection) -> None:
        """Begin after the changes that are there already; part of the first load."""
        self._seen = connection.execute(select(func.max(changes.c.change_id))).scalar() or 0

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with contextlib.suppress(StoreUnavailableError):
                await self.look()

    async def look(self) -> None:
        """Take in what has changed since the last look."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                select(changes).where(changes.c.change_id > self._seen).order_by("change_id")
            ).all()
        )
        for row in rows:
            try:
                if row.device_id is None:
                    await self._on_policy()
                else:
                    await self._on_device(row.organisation_id, row.device_id)
            except StoreUnavailableError:
                raise
            except LookupError:
                pass  # a device that is gone has nothing to be judged
            except Exception as error:  # noqa: BLE001 - one change must not hide all later ones
                # Without the error's text and trace, which may hold what was read.
                _log.error("change %d: %s", row.change_id, type(error).__name__)
            self._seen = row.change_id
