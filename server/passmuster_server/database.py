"""The store seam: reads side by side, writes in groups that are durable before anyone is answered.

Areas hand in functions over a connection and never see an engine. A write that fails spoils none of
the others in its group: that is begun again, each write in a savepoint of its own. So a write may
run twice, and what it does beside the database waits for `after_commit`.
"""

import asyncio
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg
from sqlalchemy import Connection, Engine

from passmuster_server import notices
from passmuster_server.engines import (
    DATABASE_ERRORS,
    POSTGRESQL,
    READERS,
    RULE_ERRORS,
    database_url,
    engine_of,
    is_deadlock,
    named,
)
from passmuster_server.statements import RowStatement, Statements
from passmuster_server.writer import Writer

T = TypeVar("T")

MAX_WAITING = 2_000
MAX_GROUP = 256
GAP_S = 0.003
"""How long a group waits for others to join it, where there were several a moment ago."""
DEADLOCKS = 3
"""How often in a row a write that a deadlock has undone is begun again: the other one has gone on.

Writes of a group come in any order, and so do the locks that they take.
"""

_log = logging.getLogger(__name__)


class StoreUnavailableError(Exception):
    """Nothing was stored: the database is full, locked, unreachable or overloaded. Try again."""


class OverloadedError(StoreUnavailableError):
    """Nothing was stored: more is asked for than the database keeps up with. Try again later."""


class Transaction:
    """What a write works on: a connection, and callbacks for when its commit is durable.

    `moved` are the devices (organisation, device) whose standing it changed: other servers on the
    same database are told of them in the same commit. `touched` says whether it may have changed
    anything that a failure would have to undo. `statements` are the group's, where there is one.
    `ahead` is what was read for it beforehand, or None.
    """

    def __init__(self, connection: Connection, statements: Statements | None = None) -> None:
        self.moved: list[tuple[str, str]] = []
        self.touched = False
        self._connection = connection
        self._callbacks: list[Callable[[], None]] = []
        self._statements = statements or Statements(connection)
        self._at_once = False
        self.ahead: Any = None

    @property
    def connection(self) -> Connection:
        """The connection, for whatever SQLAlchemy says, which knows no pipeline."""
        self.touched = True
        self._at_once = True
        self._statements.settle()
        return self._connection

    @property
    def backend(self) -> str:
        """The name of the database's kind."""
        return self._connection.dialect.name

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a hand-written statement, parameters as question marks; return the driver's cursor.

        Only the ingest path uses it: there what SQLAlchemy adds is most of a statement's cost.
        """
        if not statement.startswith("SELECT"):
            self.touched = True
        return self._statements.run(statement, parameters, at_once=self._at_once)

    def put_off(self, statement: RowStatement, parameters: Sequence[Any]) -> None:
        """Write a row that this group of writes may write together with others."""
        self.touched = True
        if self._at_once:
            self._statements.run(statement.one, parameters, at_once=True)
        else:
            self._statements.put_off(statement, parameters)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run `callback` on the event loop once this write is durable, in order of commits.

        It also runs when the caller has gone away meanwhile, and never when nothing was stored.
        """
        self._callbacks.append(callback)

    def run_callbacks(self) -> None:
        """Run what was registered, in order."""
        for callback in self._callbacks:
            callback()


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a write will read first, of what is `key`'s alone, so that a group reads it at once.

    `read` returns it by key. It is left out where a write is alone, and where another write of the
    group may have changed it since: one of the same key, or one that does not say what it is about.
    """

    read: Callable[[Transaction, Sequence[Any]], Mapping[Any, Any]]
    key: Any


def _nothing(_: Transaction, __: Sequence[Any]) -> Mapping[Any, Any]:
    return {}


APART = Ahead(_nothing, None)
"""Of a write that reads nothing first, and changes nothing that any other reads ahead."""


@dataclass
class _Write(Generic[T]):
    work: Callable[[Transaction], T]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
    ahead: Ahead | None = None
    transaction: Transaction | None = None
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Answer the caller; on the loop."""
        if self.error is None and self.transaction is not None:
            try:
                self.transaction.run_callbacks()
            except Exception as error:  # noqa: BLE001 - what is stored is stored
                _log.error("after a commit: %s", type(error).__name__)
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Database:
    """One database: `sqlite:////var/lib/passmuster/passmuster.db`, `postgresql://user@host/name`.

    `name` tells the servers on one database apart. `on_commit` is told the seconds that each group
    of writes took and how many they were.
    Raises `ValueError` for a URL that is neither.
    """

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        self.name = secrets.token_hex(8)
        self._writer_engine = engine_of(self.url, writes=True)
        self._reader_engine = engine_of(self.url, writes=False)
        self._writer = Writer(self._writer_engine)
        self._waiting: queue.SimpleQueue[_Write[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._reading = asyncio.Semaphore(READERS)
        self.on_commit: Callable[[float, int], None] = _unobserved

    @property
    def shared(self) -> bool:
        """Whether other servers may work on it as well."""
        return self.url.get_backend_name() == POSTGRESQL

    @property
    def writer_engine(self) -> Engine:
        """The engine for migrations and commands that run without a server."""
        return self._writer_engine

    @property
    def waiting(self) -> int:
        """How many writes wait for a commit."""
        return self._waiting.qsize()

    def start(self) -> None:
        """Start the thread that commits."""
        self._thread = threading.Thread(target=self._commit_groups, name="commits", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is waiting, then close every connection."""
        if self._thread is not None:
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        self.dispose()

    def dispose(self) -> None:
        """Close every connection; for whoever never started it."""
        self._reader_engine.dispose()
        self._writer_engine.dispose()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, run in a thread over a consistent, read-only snapshot.

        Raises `StoreUnavailableError`.
        """
        async with self._reading:
            return await asyncio.to_thread(self.read_now, work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, in this thread."""
        try:
            with self._reader_engine.begin() as connection:
                return work(connection)
        except DATABASE_ERRORS as error:
            raise StoreUnavailableError("the database can't be read") from error

    async def write(self, work: Callable[[Transaction], T], ahead: Ahead | None = None) -> T:
        """Return what `work` returns, once it is durable; `ahead` may be read for it beforehand.

        Whatever `work` raises reaches the caller and undoes that work alone. Raises
        `StoreUnavailableError` when nothing was stored, and `OverloadedError` when it can't even
        wait.
        """
        return await self.queue_write(work, ahead)

    def queue_write(
        self, work: Callable[[Transaction], T], ahead: Ahead | None = None
    ) -> "asyncio.Future[T]":
        """Return the future of what `write` returns; raises `OverloadedError`, the rest is its."""
        loop = asyncio.get_running_loop()
        write = _Write(work, loop, loop.create_future(), ahead)
        if self._waiting.qsize() >= MAX_WAITING:
            raise OverloadedError("too many writes are waiting")
        self._waiting.put(write)
        return write.future

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returns, durable, in this thread: for commands without a server."""
        return self._written(work, DEADLOCKS)

    def _written(self, work: Callable[[Transaction], T], deadlocks: int) -> T:
        try:
            with self._writer_engine.begin() as connection:
                transaction = Transaction(connection)
                result = work(transaction)
                notices.tell_moved(connection, transaction.moved)
        except DATABASE_ERRORS as error:
            if deadlocks > 0 and is_deadlock(error):
                return self._written(work, deadlocks - 1)
            raise StoreUnavailableError("the database can't be written") from error
        transaction.run_callbacks()
        return result

    def _commit_groups(self) -> None:
        try:
            self._commit_until_stopped()
        finally:
            self._writer.close()

    def _commit_until_stopped(self) -> None:
        crowded = False
        while True:
            first = self._waiting.get()
            if first is None:
                return
            if crowded and self._waiting.qsize() < MAX_GROUP - 1:
                time.sleep(GAP_S)
            group, ends = self._drain(first)
            crowded = len(group) > 1
            self._commit(group)
            # One wake-up of the loop for the whole group.
            group[0].loop.call_soon_threadsafe(_settle, group)
            if ends:
                return

    def _drain(self, first: _Write[Any]) -> tuple[list[_Write[Any]], bool]:
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False

    def _commit(
        self, group: list[_Write[Any]], *, guarded: bool = False, deadlocks: int = DEADLOCKS
    ) -> None:
        """Commit a group. Only one in which a write fails pays for savepoints (`guarded`).

        One that was undone in a deadlock is begun again up to `deadlocks` times.
        """
        began = time.perf_counter()
        try:
            with self._writer.begin() as connection:
                statements = Statements(connection, grouped=not guarded)
                if guarded:
                    for write in group:
                        _run_in_savepoint(write, Transaction(connection, statements))
                else:
                    _run_all_bare(group, connection, statements)
                notices.tell_moved(connection, _moved(group), by=self.name)
            self.on_commit(time.perf_counter() - began, len(group))
        except _UndoError:
            self._commit(group, guarded=True, deadlocks=deadlocks)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is left waiting
            if deadlocks > 0 and is_deadlock(error):
                self._commit(group, guarded=guarded, deadlocks=deadlocks - 1)
                return
            # The commit may have taken place although nobody heard so: what its notice tells must
            # not pass for something that this server knows.
            self.name = secrets.token_hex(8)
            if len(group) > 1:
                # One of them may be to blame: the others are stored without it.
                for write in group:
                    self._commit([write])
                return
            _log.warning("a write was not stored: %s", named(error))
            group[0].error = StoreUnavailableError("the database can't be written")
            group[0].error.__cause__ = error


def _unobserved(_: float, __: int) -> None:
    """Nobody wants to know."""


def _settle(group: list[_Write[Any]]) -> None:
    for write in group:
        write.settle()


class _UndoError(Exception):
    """A write has failed after it may have changed something."""


def _run_all_bare(group: list[_Write[Any]], connection: Connection, statements: Statements) -> None:
    try:
        found = _read_ahead(group, connection, statements)
        for write in group:
            transaction = Transaction(connection, statements)
            if write.ahead is None:
                found = {}
            else:
                transaction.ahead = found.pop((write.ahead.read, write.ahead.key), None)
            _run_bare(write, transaction)
        statements.settle()
    except (psycopg.Error, *RULE_ERRORS) as error:
        # Of rows that waited, and in a pipeline, it may be another write's than the one told of it.
        raise _UndoError from error
    finally:
        statements.abandon()


def _read_ahead(
    group: list[_Write[Any]], connection: Connection, statements: Statements
) -> dict[Any, Any]:
    """Return what the group's writes will read, by who reads it and its key."""
    wanted: dict[Any, list[Any]] = {}
    for write in group if statements.grouped else ():
        if write.ahead is None:
            break
        wanted.setdefault(write.ahead.read, []).append(write.ahead.key)
    return {
        (read, key): value
        for read, keys in wanted.items()
        if len(keys) > 1
        for key, value in read(Transaction(connection, statements), keys).items()
    }


def _run_bare(write: _Write[Any], transaction: Transaction) -> None:
    write.transaction, write.error = transaction, None
    try:
        write.result = write.work(transaction)
    except DATABASE_ERRORS as error:
        if isinstance(error, RULE_ERRORS):
            raise _UndoError from error
        # A full disk may have rolled the whole transaction back.
        raise
    except Exception as error:
        if transaction.touched:
            raise _UndoError from error
        # It has only looked, as for most reports that are refused.
        write.error = error


def _run_in_savepoint(write: _Write[Any], transaction: Transaction) -> None:
    write.transaction, write.error = transaction, None
    transaction.run("SAVEPOINT one_write")
    try:
        write.result = write.work(transaction)
    except DATABASE_ERRORS as error:
        if not isinstance(error, RULE_ERRORS):
            # A full disk may have rolled the whole transaction back, savepoints and all.
            raise
        write.error = error
    except Exception as error:  # noqa: BLE001 - it belongs to the caller that waits for it
        write.error = error
    if write.error is not None:
        transaction.run("ROLLBACK TO one_write")
    transaction.run("RELEASE one_write")


def _moved(group: list[_Write[Any]]) -> list[tuple[str, str]]:
    """Return each device once that the group's successful writes moved."""
    transactions = [w.transaction for w in group if w.transaction is not None and w.error is None]
    return list(dict.fromkeys(device for each in transactions for device in each.moved))
