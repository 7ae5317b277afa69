"""The kept connection: one transaction for both ways to use it, and a dead one lets nobody down."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from passmuster_server.database import Database, Transaction
from passmuster_server.engines import POSTGRESQL, SQLITE
from passmuster_server.writer import Writer
from tests.support import postgresql

INSERT = "INSERT INTO notes VALUES (1)"


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/notes.db"
    if request.param == POSTGRESQL:
        url = postgresql.cluster().create_database()
    opened = Database(url)
    with opened.writer_engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
    yield opened
    opened.dispose()


def by_driver(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute(INSERT)


def by_both(connection: Connection) -> None:
    by_driver(connection)
    connection.execute(text("INSERT INTO notes VALUES (2)"))


def stored(database: Database) -> int:
    counted = text("SELECT count(*) FROM notes")
    return database.read_now(lambda connection: int(connection.execute(counted).scalar_one()))


def fail_after(work: Any, writer: Writer) -> None:
    with writer.begin() as connection:
        work(connection)
        raise LookupError


@pytest.mark.parametrize(("work", "rows"), [(by_driver, 1), (by_both, 2)])
def test_what_both_ways_have_written_is_there_when_the_block_ends(
    database: Database, work: Any, rows: int
) -> None:
    writer = Writer(database.writer_engine)
    with writer.begin() as connection:
        work(connection)
        assert stored(database) == 0
    assert stored(database) == rows
    writer.close()


@pytest.mark.parametrize("work", [by_driver, by_both])
def test_nothing_is_left_of_a_block_that_fails_and_the_next_one_begins_anew(
    database: Database, work: Any
) -> None:
    writer = Writer(database.writer_engine)
    for _ in range(2):
        with pytest.raises(LookupError):
            fail_after(work, writer)
        assert stored(database) == 0
    with writer.begin() as connection:
        work(connection)
    assert stored(database) > 0
    writer.close()


def test_one_connection_serves_block_after_block(database: Database) -> None:
    writer, seen = Writer(database.writer_engine), set()
    for _ in range(3):
        with writer.begin() as connection:
            seen.add(connection.connection.driver_connection)
    assert len(seen) == 1
    writer.close()


def test_whoever_writes_beside_a_server_is_not_kept_waiting(database: Database) -> None:
    writer = Writer(database.writer_engine)
    with writer.begin():
        pass
    database.write_now(lambda transaction: transaction.run(INSERT))
    assert stored(database) == 1
    writer.close()


def test_a_connection_that_the_database_has_ended_costs_nobody_an_answer() -> None:
    async def story() -> None:
        database = Database(postgresql.cluster().create_database())
        with database.writer_engine.begin() as connection:
            connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
        database.start()

        def backend(transaction: Transaction) -> int:
            return int(transaction.run("SELECT pg_backend_pid()").fetchone()[0])

        try:
            kept = await database.write(backend)
            database.read_now(
                lambda c: c.execute(text(f"SELECT pg_terminate_backend({kept})")).scalar_one()
            )
            await database.write(lambda transaction: transaction.run(INSERT))
            assert stored(database) == 1
        finally:
            await database.stop()

    asyncio.run(story())
