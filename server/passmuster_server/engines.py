"""The two databases: SQLite, embedded, and PostgreSQL, which several servers share."""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, CursorResult, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

from passmuster_server.addresses import FOLDED, fold

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

DATABASE_ERRORS = (DBAPIError, sqlite3.Error, psycopg.Error)
"""What SQLAlchemy raises, and what the drivers raise where hand-written statements call them."""

RULE_ERRORS = (IntegrityError, sqlite3.IntegrityError, psycopg.IntegrityError)
"""A statement broke a rule of the schema; the transaction around it goes on."""

MAX_LOG_FILE = 64 * 1024 * 1024
CACHE_KIB = 64 * 1024
LOCK_TIMEOUT_S = 10
READERS = 8


def database_url(text: str) -> URL:
    """Return the URL of a database. Raises `ValueError` with a sentence about what is expected."""
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is not None and url.drivername == SQLITE and url.database:
        return url
    if url is not None and url.get_backend_name() == POSTGRESQL and url.database:
        return url.set(drivername="postgresql+psycopg")
    raise ValueError("expected sqlite:///PATH or postgresql://USER@HOST/DATABASE")


def engine_of(url: URL, *, writes: bool) -> Engine:
    """Return an engine for the one writer, or for readers, which can change nothing."""
    if url.get_backend_name() == SQLITE:
        return _sqlite_engine(url, writes=writes)
    return _postgresql_engine(url, writes=writes)


def is_deadlock(error: BaseException) -> bool:
    """Return whether a transaction and another one waited for each other, and this one was undone.

    PostgreSQL, section 13.3.4; SQLite has one writer.
    """
    return isinstance(getattr(error, "orig", None) or error, psycopg.errors.DeadlockDetected)


def run(
    connection: Connection, statement: str, parameters: Sequence[Any] = ()
) -> CursorResult[Any]:
    """Run a hand-written statement, whose parameters are question marks, on either database."""
    return connection.exec_driver_sql(
        in_style(statement, connection.dialect.name), tuple(parameters)
    )


def begin_writing(connection: Connection) -> None:
    """Begin a transaction that writes, unless there is one, as the driver does it on PostgreSQL.

    SQLite's driver would leave savepoints and reads outside of the one that it begins by itself.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == SQLITE and not driver.in_transaction:
        driver.execute("BEGIN IMMEDIATE")


def named(error: BaseException) -> str:
    """Return the database's own word for what went wrong, without anything that was stored."""
    original = getattr(error, "orig", None) or error
    return getattr(original, "sqlite_errorname", type(original).__name__)


@lru_cache(maxsize=256)
def in_style(statement: str, backend: str) -> str:
    """Return a statement as the database's driver marks parameters."""
    return statement if backend == SQLITE else statement.replace("?", "%s")


def _sqlite_engine(url: URL, *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        # What was stored belongs in no error message, and so in no log.
        hide_parameters=True,
        poolclass=QueuePool,
        # The thread that commits keeps the one it has.
        pool_size=1 if writes else READERS,
        max_overflow=1 if writes else 0,
        connect_args={
            "check_same_thread": False,
            "isolation_level": None,
            "timeout": LOCK_TIMEOUT_S,
        },
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.create_function(FOLDED, 1, fold, deterministic=True)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        # A long read makes the log grow; once it is copied back, its file is cut to this again.
        cursor.execute(f"PRAGMA journal_size_limit={MAX_LOG_FILE}")
        cursor.execute("PRAGMA foreign_keys=ON")
        if writes:
            # The pages between root and leaves of a large fleet's tables, and many laptops' own.
            cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        cursor.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if writes:
            begin_writing(connection)
        else:
            connection.connection.driver_connection.execute("BEGIN")  # type: ignore[union-attr] # it is connected

    return engine


def _postgresql_engine(url: URL, *, writes: bool) -> Engine:
    return create_engine(
        url,
        hide_parameters=True,
        pool_size=1 if writes else READERS,
        max_overflow=1 if writes else 0,
        # A connection that died while it lay idle is replaced before anyone is let down by it.
        pool_pre_ping=True,
        # A reader sees one moment; writers wait for each other row by row.
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        execution_options={} if writes else {"postgresql_readonly": True},
        connect_args={
            "connect_timeout": LOCK_TIMEOUT_S,
            "application_name": "passmuster",
            "options": f"-c lock_timeout={LOCK_TIMEOUT_S}s -c statement_timeout=60s "
            f"-c idle_in_transaction_session_timeout=60s",
        },
    )
