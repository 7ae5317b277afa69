"""The database that a test's server keeps its data in: SQLite, or PostgreSQL for the whole run.

`PASSMUSTER_TEST_STORE=postgresql` chooses the latter; `make test` runs the
server's tests with both.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect

from passmuster_server.database import Database
from passmuster_server.engines import run
from tests.support import postgresql

ON_POSTGRESQL = os.environ.get("PASSMUSTER_TEST_STORE") == "postgresql"

sqlite_only = pytest.mark.skipif(ON_POSTGRESQL, reason="about SQLite's file")


def new_store(directory: Path) -> str:
    """Return the URL of an empty database; SQLite's is a file in `directory`."""
    if ON_POSTGRESQL:
        return postgresql.cluster().create_database()
    return f"sqlite:///{directory}/passmuster.db"


def rows(url: str, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return what a statement selects; its parameters are question marks."""
    database = Database(url)
    try:
        return database.read_now(
            lambda connection: [tuple(row) for row in run(connection, statement, parameters)]
        )
    finally:
        database.dispose()


def everything(url: str) -> bytes:
    """Return all that is stored, one value after the other."""
    database = Database(url)

    def read(connection: Connection) -> bytes:
        tables = inspect(connection).get_table_names()
        found = (
            value
            for table in tables
            for row in run(connection, f'SELECT * FROM "{table}"')  # noqa: S608 - the schema's own names
            for value in row
        )
        return b"\0".join(
            value if isinstance(value, bytes) else str(value).encode() for value in found
        )

    try:
        return database.read_now(read)
    finally:
        database.dispose()


def change(url: str, statement: str, parameters: Sequence[Any] = ()) -> None:
    """Run a statement that changes something, past the server."""
    database = Database(url)
    try:
        database.write_now(lambda transaction: transaction.run(statement, parameters))
    finally:
        database.dispose()
