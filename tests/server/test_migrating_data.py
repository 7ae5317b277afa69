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
from passmuster_server.database import Database, Transaction
from passmuster_server.policy.tables import ENDLESS as HOLDS
from passmuster_server.schema import DEFAULT_ORGANISATION, to_microseconds
from tests.support import store

DROPPED = {"enrolment_approvals": {"interval_s"}}
"""Columns that said nothing: all else of their rows is still there."""

ENDLESS = to_microseconds(HOLDS)

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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            [
                (10, "non_compliant", 20),
                (20, "compliant", 30),
                (30, "non_compliant", 35),
                (35, "compliant", 21),
                (21, "non_compliant", 25),
                (25, "compliant", ENDLESS),
            ],
            [
                (10, "non_compliant", 20, 0, 1),
                (20, "compliant", 21, 0, 1),
                (21, "non_compliant", 21, 10, 2),
                (21, "compliant", 21, 1, 2),
                (21, "non_compliant", 25, 10, 3),
                (25, "compliant", ENDLESS, 1, 3),
            ],
        ),
        (
            [(8, "unknown", 5), (9, "unknown", ENDLESS)],
            [(8, "unknown", 8, 0, 1), (9, "unknown", ENDLESS, 0, 2)],
        ),
    ],
    ids=["ahead until it was put right", "an end before the beginning"],
)
def test_a_history_that_clocks_have_bent_is_straight_before_it_is_counted(
    tmp_path: Path, before: list[tuple[int, str, int]], after: list[tuple[int, str, int, int, int]]
) -> None:
    """Each laptop's verdicts follow one another, and totals count what the rows then say."""
    database, config = Database(store.new_store(tmp_path)), configuration()
    with database.writer_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0030")

    def live(transaction: Transaction) -> None:
        connection, there = transaction.connection, MetaData()
        fill(connection)
        there.reflect(connection, only=["verdict_history"])
        history = there.tables["verdict_history"]
        (one, *_) = stored(connection, history)
        connection.execute(history.delete())
        for number, (since, verdict, ended_at) in enumerate(before):
            said = {"since": since, "verdict": verdict, "ended_at": ended_at}
            connection.execute(history.insert().values({**one, "history_id": number + 1, **said}))

    database.write_now(live)
    migrations.migrate(database)
    wanted = "SELECT since, verdict, ended_at, had_before, times FROM verdict_history"
    found = store.rows(
        database.url.render_as_string(hide_password=False), f"{wanted} ORDER BY history_id"
    )
    database.dispose()
    assert found == after


def test_the_versions_are_numbered_without_a_gap() -> None:
    assert [int(revision) for revision in REVISIONS] == list(range(1, len(REVISIONS) + 1))
