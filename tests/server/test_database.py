"""The store seam: durable groups, writes that fail alone, and a real database that is full."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table, text

from passmuster_server.database import (
    MAX_GROUP,
    Database,
    OverloadedError,
    StoreUnavailableError,
    Transaction,
)
from tests.support.store import new_store, rows, sqlite_only

NOTES = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary),
)
_urls: dict[Path, str] = {}


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    database = Database(new_store(folder))
    _urls[folder] = database.url.render_as_string(hide_password=False)
    NOTES.create(database.writer_engine)
    database.start()
    try:
        yield database
    finally:
        await database.stop()


def insert(transaction: Transaction, number: int, body: bytes = b"") -> int:
    transaction.connection.execute(
        text("INSERT INTO notes VALUES (:number, :body)"), {"number": number, "body": body}
    )
    return number


def inserting(number: int, body: bytes = b"") -> Callable[[Transaction], int]:
    return lambda transaction: insert(transaction, number, body)


def running(statement: str) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        transaction.run(statement)

    return work


def stored(connection: Connection) -> list[int]:
    return list(connection.execute(text("SELECT id FROM notes ORDER BY id")).scalars())


def on_disk(folder: Path) -> list[int]:
    """What another process sees at this moment."""
    return [number for (number,) in rows(_urls[folder], "SELECT id FROM notes ORDER BY id")]


def test_a_write_is_durable_when_it_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as database:
            assert await database.write(inserting(1)) == 1
            assert on_disk(tmp_path) == [1]

    asyncio.run(scenario())


def test_writes_that_wait_share_a_commit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as database:
            hold = threading.Event()
            first = asyncio.create_task(database.write(lambda _: hold.wait(10)))
            await asyncio.sleep(0.05)
            others = [asyncio.create_task(database.write(inserting(n))) for n in range(20)]
            await asyncio.sleep(0.05)
            seen: list[int] = []
            callback = database.write(
                lambda transaction: transaction.after_commit(
                    lambda: seen.append(len(on_disk(tmp_path)))
                )
            )
            last = asyncio.create_task(callback)
            await asyncio.sleep(0.05)
            hold.set()
            await asyncio.gather(first, *others, last)
            assert seen == [20], "expected: all of the group on disk when the callback ran"

    asyncio.run(scenario())


def test_a_write_that_raises_spoils_none_of_the_others_in_its_group(tmp_path: Path) -> None:
    def half(transaction: Transaction) -> None:
        insert(transaction, 100)
        raise LookupError("the caller's own")

    def twice(transaction: Transaction) -> None:
        insert(transaction, 101)
        insert(transaction, 101)

    def nonsense(transaction: Transaction) -> None:
        insert(transaction, 102)
        transaction.run("SELECT * FROM nothing")

    async def scenario() -> None:
        async with opened(tmp_path) as database:
            hold = threading.Event()
            blocker = asyncio.create_task(database.write(lambda _: hold.wait(10)))
            await asyncio.sleep(0.05)
            works = [inserting(1), half, twice, nonsense, inserting(2)]
            group = asyncio.gather(
                *(database.write(work) for work in works), return_exceptions=True
            )
            await asyncio.sleep(0.05)
            hold.set()
            await blocker
            results = await group
            assert [type(result).__name__ for result in results] == [
                "int",
                "LookupError",
                "IntegrityError",
                "StoreUnavailableError",
                "int",
            ]
            assert on_disk(tmp_path) == [1, 2]

    asyncio.run(scenario())


def test_after_commit_is_not_called_for_what_was_not_stored(tmp_path: Path) -> None:
    def fails(transaction: Transaction) -> None:
        transaction.after_commit(lambda: called.append("failed"))
        raise LookupError

    called: list[str] = []

    async def scenario() -> None:
        async with opened(tmp_path) as database:
            with pytest.raises(LookupError):
                await database.write(fails)

    asyncio.run(scenario())
    assert called == []


def test_after_commit_runs_in_the_order_of_commits_also_when_the_caller_has_gone(
    tmp_path: Path,
) -> None:
    called: list[int] = []

    def noting(number: int) -> Callable[[Transaction], None]:
        return lambda transaction: transaction.after_commit(lambda: called.append(number))

    async def scenario() -> None:
        async with opened(tmp_path) as database:
            hold = threading.Event()
            blocker = asyncio.create_task(database.write(lambda _: hold.wait(10)))
            await asyncio.sleep(0.05)
            tasks = [asyncio.create_task(database.write(noting(n))) for n in range(5)]
            await asyncio.sleep(0.05)
            tasks[2].cancel()
            hold.set()
            await blocker
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())
    assert called == [0, 1, 2, 3, 4]


def test_a_write_that_comes_soon_after_several_shares_the_next_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passmuster_server.database.GAP_S", 2.0)
    sizes: list[int] = []

    async def scenario() -> None:
        async with opened(tmp_path) as database:
            database.on_commit = lambda _, size: sizes.append(size)
            hold = threading.Event()
            blocker = asyncio.create_task(database.write(lambda _: hold.wait(10)))
            await asyncio.sleep(0.05)
            several = [asyncio.create_task(database.write(inserting(n))) for n in range(2)]
            await asyncio.sleep(0.05)
            hold.set()
            await asyncio.gather(blocker, *several)
            late = [asyncio.create_task(database.write(inserting(2)))]
            await asyncio.sleep(0.05)
            late.append(asyncio.create_task(database.write(inserting(3))))
            await asyncio.gather(*late)

    asyncio.run(scenario())
    assert sizes == [1, 2, 2]


def test_a_callback_that_fails_leaves_nobody_waiting(tmp_path: Path) -> None:
    def fails() -> None:
        raise ArithmeticError

    def work(transaction: Transaction) -> int:
        transaction.after_commit(fails)
        return insert(transaction, 1)

    async def scenario() -> None:
        async with opened(tmp_path) as database:
            assert await asyncio.wait_for(database.write(work), 5) == 1

    asyncio.run(scenario())


def test_stopping_stores_what_waits(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with opened(tmp_path) as database:
            return await asyncio.gather(
                *(database.write(inserting(n)) for n in range(3 * MAX_GROUP))
            )

    assert asyncio.run(scenario()) == list(range(3 * MAX_GROUP)) == on_disk(tmp_path)


def test_too_many_waiting_writes_are_refused_and_not_queued_without_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as database:
            hold = threading.Event()
            blocker = asyncio.create_task(database.write(lambda _: hold.wait(10)))
            await asyncio.sleep(0.05)
            waiting = [asyncio.create_task(database.write(inserting(n))) for n in range(2_500)]
            await asyncio.sleep(0.2)
            hold.set()
            await blocker
            results = await asyncio.gather(*waiting, return_exceptions=True)
            refused = [each for each in results if isinstance(each, OverloadedError)]
            assert len(refused) == 500
            assert len(on_disk(tmp_path)) == 2_000

    asyncio.run(scenario())


@sqlite_only
def test_a_full_database_refuses_and_takes_the_same_write_when_there_is_room_again(
    tmp_path: Path,
) -> None:
    big = b"x" * 400_000

    async def scenario() -> None:
        async with opened(tmp_path) as database:
            await database.write(inserting(1))
            await database.write(running("PRAGMA max_page_count = 40"))
            with pytest.raises(StoreUnavailableError):
                await database.write(inserting(2, big))
            assert await database.write(inserting(3)) == 3, "a small one still fits"
            await database.write(running("PRAGMA max_page_count = 4000"))
            assert await database.write(inserting(2, big)) == 2
            assert on_disk(tmp_path) == [1, 2, 3]

    asyncio.run(scenario())


def test_a_read_can_change_nothing(tmp_path: Path) -> None:
    def forbidden(connection: Connection) -> None:
        connection.execute(text("DELETE FROM notes"))

    async def scenario() -> None:
        async with opened(tmp_path) as database:
            with pytest.raises(StoreUnavailableError):
                await database.read(forbidden)

    asyncio.run(scenario())


def test_a_read_sees_one_moment_whatever_is_written_meanwhile(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as database:
            await database.write(inserting(1))
            begun, go_on = threading.Event(), threading.Event()

            def slow(connection: Connection) -> tuple[list[int], list[int]]:
                before = stored(connection)
                begun.set()
                go_on.wait(10)
                return before, stored(connection)

            reading = asyncio.create_task(database.read(slow))
            await asyncio.to_thread(begun.wait, 10)
            await database.write(inserting(2))
            go_on.set()
            assert await reading == ([1], [1])

    asyncio.run(scenario())


@sqlite_only
def test_another_process_may_write_meanwhile(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path) as database:
            other = sqlite3.connect(tmp_path / "passmuster.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO notes VALUES (7, NULL)")
            waiting = asyncio.create_task(database.write(inserting(8)))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            other.execute("COMMIT")
            other.close()
            await asyncio.wait_for(waiting, 10)
            assert on_disk(tmp_path) == [7, 8]

    asyncio.run(scenario())


def test_what_was_stored_is_in_no_error_message(tmp_path: Path) -> None:
    database = Database(new_store(tmp_path))
    with pytest.raises(StoreUnavailableError) as caught:
        database.write_now(
            lambda t: t.connection.execute(text("INSERT INTO x VALUES (:v)"), {"v": "ana@x"})
        )
    database.dispose()
    assert "ana@x" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "nonsense", "postgresql://h"])
def test_another_database_is_refused_with_what_is_expected(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected sqlite:///PATH or postgresql://"):
        Database(url)
