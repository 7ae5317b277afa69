"""Hand-written statements of a group, each failing alone; on PostgreSQL one behind the other."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from passmuster_server.database import APART, Ahead, Database, Transaction
from passmuster_server.engines import POSTGRESQL, RULE_ERRORS, SQLITE
from passmuster_server.statements import RowStatement
from tests.support import postgresql

Work = Callable[[Transaction], Any]
INSERT = "INSERT INTO notes VALUES (?, ?)"
# The plus tells those that PostgreSQL wrote by one statement.
ROW = RowStatement(
    INSERT,
    "INSERT INTO notes SELECT id, body || '+' FROM unnest(%s::integer[], %s::text[]) "
    "AS n (id, body)",
)


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a new database of each kind is."""
    if request.param == POSTGRESQL:
        return postgresql.cluster().create_database()
    return f"sqlite:///{tmp_path}/notes.db"


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    with database.writer_engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"))
    database.start()
    try:
        yield database
    finally:
        await database.stop()


async def in_one_group(database: Database, *works: Work | tuple[Work, Ahead]) -> list[Any]:
    """Return what each write returns or raises; all of them wait until the last one is there."""
    hold, held = threading.Event(), threading.Event()

    def wait(_: Transaction) -> bool:
        held.set()
        return hold.wait(20)

    first = asyncio.create_task(database.write(wait))
    assert await asyncio.to_thread(held.wait, 20), "the first write did not begin"
    writes = [
        asyncio.create_task(database.write(*(work if isinstance(work, tuple) else (work,))))
        for work in works
    ]
    await asyncio.sleep(0)
    assert database.waiting == len(works)
    hold.set()
    await first
    return await asyncio.gather(*writes, return_exceptions=True)


def stored(database: Database) -> dict[int, str]:
    def read(connection: Any) -> dict[int, str]:
        return {row.id: row.body for row in connection.execute(text("SELECT * FROM notes"))}

    return database.read_now(read)


def insert(number: int, body: str | None = "") -> Work:
    def work(transaction: Transaction) -> int:
        transaction.run(INSERT, (number, body))
        return number

    return work


def test_a_statement_that_fails_is_its_own_writes_and_no_other_is_undone(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            answers = await in_one_group(
                database, insert(1), insert(2, None), insert(1), insert(3), insert(4)
            )
            assert [answers[0], *answers[3:]] == [1, 3, 4]
            assert all(isinstance(answer, RULE_ERRORS) for answer in answers[1:3]), answers
            assert sorted(stored(database)) == [1, 3, 4]

    asyncio.run(story())


def test_the_last_statement_of_a_group_may_fail_too(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            one, failed = await in_one_group(database, insert(1), insert(1))
            assert one == 1
            assert isinstance(failed, RULE_ERRORS)
            (alone,) = await in_one_group(database, insert(1))
            assert isinstance(alone, RULE_ERRORS)
            assert list(stored(database)) == [1]

    asyncio.run(story())


def test_what_is_read_is_from_after_what_was_written_before(url: str) -> None:
    def through_the_driver(transaction: Transaction) -> str:
        transaction.run(INSERT, (1, "one"))
        transaction.run("UPDATE notes SET body = ? WHERE id = ?", ("two", 1))
        (body,) = transaction.run("SELECT body FROM notes WHERE id = ?", (1,)).fetchone()
        return str(body)

    def through_both(transaction: Transaction) -> list[str]:
        transaction.run("UPDATE notes SET body = ? WHERE id = ?", ("three", 1))
        connection = transaction.connection
        seen = [connection.execute(text("SELECT body FROM notes")).scalar_one()]
        transaction.run("UPDATE notes SET body = ? WHERE id = ?", ("four", 1))
        changed = connection.execute(text("UPDATE notes SET body = body || '!'"))
        return [*seen, str(changed.rowcount)]

    async def story() -> None:
        async with opened(url) as database:
            answers = await in_one_group(database, through_the_driver, through_both, insert(2))
            assert answers == ["two", ["three", "1"], 2]
            assert stored(database) == {1: "four!", 2: ""}

    asyncio.run(story())


def test_a_mistake_of_the_callers_undoes_what_it_sent(url: str) -> None:
    def half(transaction: Transaction) -> None:
        transaction.run(INSERT, (2, ""))
        raise LookupError("the caller's own")

    async def story() -> None:
        async with opened(url) as database:
            answers = await in_one_group(database, insert(1), half, insert(3))
            assert isinstance(answers[1], LookupError)
            assert sorted(stored(database)) == [1, 3]

    asyncio.run(story())


def put_off(number: int) -> Work:
    def work(transaction: Transaction) -> int:
        transaction.put_off(ROW, (number, ""))
        return number

    return work


def test_rows_that_can_wait_are_written_together(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            assert await in_one_group(database, put_off(1), put_off(2), put_off(3)) == [1, 2, 3]
            assert await in_one_group(database, put_off(4)) == [4]
            joined = "+" if database.shared else ""
            assert stored(database) == {1: joined, 2: joined, 3: joined, 4: ""}

    asyncio.run(story())


def test_rows_that_wait_are_there_for_whoever_reads(url: str) -> None:
    def by_the_driver(transaction: Transaction) -> int:
        return int(transaction.run("SELECT count(*) FROM notes").fetchone()[0])

    def by_both(transaction: Transaction) -> list[int]:
        connection = transaction.connection
        counted = text("SELECT count(*) FROM notes")
        before = connection.execute(counted).scalar_one()
        transaction.put_off(ROW, (4, ""))
        return [before, connection.execute(counted).scalar_one()]

    async def story() -> None:
        async with opened(url) as database:
            answers = await in_one_group(
                database, put_off(1), put_off(2), by_the_driver, put_off(3), by_both
            )
            assert answers == [1, 2, 2, 3, [3, 4]]
            joined = "+" if database.shared else ""
            assert stored(database) == {1: joined, 2: joined, 3: "", 4: ""}

    asyncio.run(story())


def test_a_row_that_fails_is_its_own_writes(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            answers = await in_one_group(database, put_off(1), put_off(1), put_off(2))
            assert [answers[0], answers[2]] == [1, 2]
            assert isinstance(answers[1], RULE_ERRORS)
            assert stored(database) == {1: "", 2: ""}

    asyncio.run(story())


def test_rows_of_which_the_last_fails_when_all_have_run_are_begun_again(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            assert await in_one_group(database, insert(3)) == [3]
            answers = await in_one_group(database, put_off(1), put_off(2), put_off(3))
            assert answers[:2] == [1, 2]
            assert isinstance(answers[2], RULE_ERRORS)
            assert stored(database) == {1: "", 2: "", 3: ""}

    asyncio.run(story())


class Bodies:
    """Reads notes ahead, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []

    def read(self, transaction: Transaction, keys: Sequence[int]) -> Mapping[int, str]:
        self.asked.append(keys)
        marks = ", ".join("?" * len(keys))
        found = transaction.run(f"SELECT id, body FROM notes WHERE id IN ({marks})", keys)  # noqa: S608 - constants
        return dict(found.fetchall())


def seen_ahead(number: int, seen: list[tuple[int, str | None]]) -> Work:
    def work(transaction: Transaction) -> None:
        seen.append((number, transaction.ahead))
        transaction.run("UPDATE notes SET body = ? WHERE id = ?", ("moved", number))

    return work


@pytest.mark.parametrize("undeclared", [False, True])
def test_a_group_reads_ahead_at_once_and_only_what_nobody_may_have_changed(
    undeclared: bool, url: str
) -> None:
    async def story() -> None:
        async with opened(url) as database:
            await in_one_group(database, insert(1, "one"), insert(2, "two"))
            bodies, seen = Bodies(), list[tuple[int, str | None]]()
            read = bodies.read
            writes: list[Work | tuple[Work, Ahead]] = [
                (seen_ahead(number, seen), Ahead(read, number)) for number in (1, 1, 2, 3)
            ]
            if undeclared:
                writes.insert(2, insert(7))
            await in_one_group(database, *writes)
            ahead = None if undeclared else "two"
            assert seen == [(1, "one"), (1, None), (2, ahead), (3, None)]
            assert bodies.asked == [[1, 1] if undeclared else [1, 1, 2, 3]]

    asyncio.run(story())


def test_a_write_that_stands_apart_takes_nothing_from_those_behind_it(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            await in_one_group(database, insert(1, "one"), insert(2, "two"))
            bodies, seen = Bodies(), list[tuple[int, str | None]]()
            read = bodies.read
            await in_one_group(
                database,
                (seen_ahead(1, seen), Ahead(read, 1)),
                (insert(7), APART),
                (insert(8), APART),
                (seen_ahead(2, seen), Ahead(read, 2)),
            )
            assert seen == [(1, "one"), (2, "two")]
            assert bodies.asked == [[1, 2]]
            assert sorted(stored(database)) == [1, 2, 7, 8]

    asyncio.run(story())
