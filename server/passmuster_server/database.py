"""The store seam: reads side by side, writes in groups that are durable before anyone is answered.

Areas hand in functions over a connection and never see an engine. A write runs in a savepoint of
its own, so one that fails spoils none of the others in its group.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

T = TypeVar("T")

MAX_WAITING = 2_000
MAX_GROUP = 256
READERS = 8
MAX_LOG_FILE = 64 * 1024 * 1024

_log = logging.getLogger(__name__)


class StoreUnavailableError(Exception):
    """Nothing was stored: the database is full, locked, unreachable or overloaded. Try again."""


@dataclass
class Transaction:
    """What a write works on: a connection, and callbacks for when its commit is durable."""

    connection: Connection
    _callbacks: list[Callable[[], None]] = field(default_factory=list)

    @property
    def driver(self) -> sqlite3.Connection:
        """The driver's own connection, in the same transaction: for hand-written statements.

        Only the ingest path uses it: there what SQLAlchemy adds is most of a statement's cost.
        """
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - the only database so far
        return driver

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run `callback` on the event loop once this write is durable, in order of commits.

        It also runs when the caller has gone away meanwhile, and never when nothing was stored.
        """
        self._callbacks.append(callback)

    def run_callbacks(self) -> None:
        """Run what was registered, in order."""
        for callback in self._callbacks:
            callback()


@dataclass
class _Write(Generic[T]):
    work: Callable[[Transaction], T]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
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
    """One database. `url` is SQLAlchemy's: `sqlite:////var/lib/passmuster/passmuster.db`."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._writer_engine = _engine(url, writes=True)
        self._reader_engine = _engine(url, writes=False)
        self._waiting: queue.Queue[_Write[Any] | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._reading = asyncio.Semaphore(READERS)

    @property
    def writer_engine(self) -> Engine:
        """The engine for migrations and commands that run without a server."""
        return self._writer_engine

    def start(self) -> None:
        """Start the thread that commits."""
        self._thread = threading.Thread(target=self._commit_groups, name="commits", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is waiting, then close every connection."""
        if self._thread is not None:
            await asyncio.to_thread(self._waiting.put, None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
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
        except DBAPIError as error:
            raise StoreUnavailableError("the database can't be read") from error

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returns, once it is durable.

        Whatever `work` raises reaches the caller and undoes that work alone. Raises
        `StoreUnavailableError` when nothing was stored.
        """
        loop = asyncio.get_running_loop()
        write = _Write(work, loop, loop.create_future())
        try:
            self._waiting.put_nowait(write)
        except queue.Full:
            raise StoreUnavailableError("too many writes are waiting") from None
        result: T = await write.future
        return result

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returns, durable, in this thread: for commands without a server."""
        try:
            with self._writer_engine.begin() as connection:
                transaction = Transaction(connection)
                result = work(transaction)
        except (DBAPIError, sqlite3.Error) as error:
            raise StoreUnavailableError("the database can't be written") from error
        transaction.run_callbacks()
        return result

    def _commit_groups(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            group, ends = self._drain(first)
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

    def _commit(self, group: list[_Write[Any]]) -> None:
        try:
            with self._writer_engine.begin() as connection:
                for write in group:
                    _run_in_savepoint(connection, write)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is left waiting
            if len(group) > 1:
                # One of them may be to blame: the others are stored without it.
                for write in group:
                    self._commit([write])
                return
            _log.warning("a write was not stored: %s", _named(error))
            group[0].error = StoreUnavailableError("the database can't be written")
            group[0].error.__cause__ = error


def _settle(group: list[_Write[Any]]) -> None:
    for write in group:
        write.settle()


def _run_in_savepoint(connection: Connection, write: _Write[Any]) -> None:
    write.error = None
    transaction = write.transaction = Transaction(connection)
    driver = transaction.driver
    driver.execute("SAVEPOINT one_write")
    try:
        write.result = write.work(transaction)
    except (DBAPIError, sqlite3.Error) as error:
        if not isinstance(error, IntegrityError | sqlite3.IntegrityError):
            # A full disk may have rolled the whole transaction back, savepoints and all.
            raise
        write.error = error
    except Exception as error:  # noqa: BLE001 - it belongs to the caller that waits for it
        write.error = error
    if write.error is not None:
        driver.execute("ROLLBACK TO one_write")
    driver.execute("RELEASE one_write")


def _named(error: BaseException) -> str:
    """Return the database's own word for what went wrong, without anything that was stored."""
    original = getattr(error, "orig", None) or error
    return getattr(original, "sqlite_errorname", type(original).__name__)


def _engine(url: str, *, writes: bool) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ValueError("database: only sqlite URLs are supported so far")
    engine = create_engine(
        parsed,
        # What was stored belongs in no error message, and so in no log.
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=1 if writes else READERS,
        max_overflow=0,
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": 10},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        # A long read makes the log grow; once it is copied back, its file is cut to this again.
        cursor.execute(f"PRAGMA journal_size_limit={MAX_LOG_FILE}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own implicit BEGIN would leave savepoints and reads outside a transaction.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
