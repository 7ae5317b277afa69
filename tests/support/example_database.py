"""A real database of its own for a test, with the organisation that a fresh server has."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from passmuster_server.accounts import tables as accounts_tables
from passmuster_server.audit import tables as audit_tables
from passmuster_server.database import Database
from passmuster_server.devices.tables import organisations
from passmuster_server.gate import tables as gate_tables
from passmuster_server.policy import tables as policy_tables
from passmuster_server.reports import tables as reports_tables
from passmuster_server.schema import DEFAULT_ORGANISATION, METADATA
from passmuster_server.signing import tables as signing_tables
from tests.support.store import new_store

TABLES = (accounts_tables, audit_tables, gate_tables, policy_tables, reports_tables, signing_tables)
"""Importing them is what makes `METADATA` know them."""

_opened: list[Database] = []


def close_all() -> None:
    """Close every database that was created."""
    while _opened:
        _opened.pop().dispose()


def create(folder: Path) -> Database:
    """Return a database, not started yet: for tests without an event loop.

    `close_all` closes it at the end of the test.
    """
    return create_at(new_store(folder))


def create_at(url: str) -> Database:
    """Return the same at the URL of an empty database."""
    database = Database(url)
    _opened.append(database)
    METADATA.create_all(database.writer_engine)
    database.write_now(
        lambda transaction: transaction.connection.execute(
            organisations.insert().values(
                organisation_id=DEFAULT_ORGANISATION,
                name="Example",
                server_id="server-1",
                hash_key=bytes(32),
            )
        )
    )
    return database


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Database]:
    """Start a database in `folder` and stop it at the end."""
    database = create(folder)
    database.start()
    try:
        yield database
    finally:
        await database.stop()
