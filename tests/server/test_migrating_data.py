"""A full database at every earlier version goes forward, and no row of it is lost or changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
)

from passmuster_server import migrations
from passmuster_server.database import Database
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import store

DROPPED = {"enrolment_approvals": {"interval_s"}}
"""Columns that said nothing: all else of their rows is still there."""

Rows = list[Mapping[str, Any]]


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


REVISIONS = sorted(
    each.revision for each in ScriptDirectory.from_config(configuration()).walk_revisions()
)


def value_of(column: "Column[Any]", number: int) -> Any:
    """Return what the row of this number has there; where it refers to another row, that's key."""
    for key in column.foreign_keys:
        if key.column.table is not column.table:
            return value_of(key.column, number)
    if column.name == "organisation_id":
        return DEFAULT_ORGANISATION
    told = f"{column.name} {number}"
    if isinstance(column.type, Boolean):
        return number % 2 == 1
    if isinstance(column.type, Integer | BigInteger):
        return 1_000 + number
    if isinstance(column.type, LargeBinary):
        return told.encode()
    assert isinstance(column.type, String), f"{column}: a type that this test does not know"
    return told[-(column.type.length or len(told)) :]


def fill(connection: Connection) -> Mapping[str, Rows]:
    """Put two rows into each table, of those of one row for each organisation one, and return all.

    Every column has a value, also where it may be empty.
    """
    there = MetaData()
    there.reflect(connection)
    filled: dict[str, Rows] = {}
    for table in there.sorted_tables:
        if table.name == "alembic_version":
            continue
        keys = {column.name for column in table.primary_key}
        numbers = (1,) if keys == {"organisation_id"} else (1, 2)
        filled[table.name] = [
            {column.name: value_of(column, number) for column in table.columns}
            for number in numbers
        ]
        connection.execute(table.insert(), filled[table.name])
    return filled


def stored(connection: Connection, table: Table) -> Rows:
    return [dict(row._mapping) for row in connection.execute(select(table))]


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_row_of_an_earlier_version_is_there_in_the_newest(
    tmp_path: Path, revision: str
) -> None:
    database = Database(store.new_store(tmp_path))
    config = configuration()
    with database.writer_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    before = database.write_now(lambda transaction: fill(transaction.connection))
    assert before

    migrations.migrate(database)

    migrations.check_ready(database)
    after = MetaData()
    with database.writer_engine.connect() as connection:
        after.reflect(connection)
        for name, rows in before.items():
            assert name in after.tables, f"{name} is gone"
            found = stored(connection, after.tables[name])
            dropped = DROPPED.get(name, set())
            assert not dropped & set(after.tables[name].columns.keys())
            for row in [{key: row[key] for key in row.keys() - dropped} for row in rows]:
                assert any(row.items() <= each.items() for each in found), f"{name}: {row}"
    database.dispose()


def test_the_versions_are_numbered_without_a_gap() -> None:
    assert [int(revision) for revision in REVISIONS] == list(range(1, len(REVISIONS) + 1))
