"""A small SQLite file in which each transaction is on the disk when it ends."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from passmuster_agent.config import ENROL_AGAIN
from passmuster_agent.errors import AgentError

BUSY_S = 10.0

SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=100",
    "journal_size_limit=1000000",
    "cache_size=-256",
)

FULL_BYTES = 65_536
"""A disk with less room than this is what is wrong, whatever else SQLite says."""

Run = Callable[..., sqlite3.Cursor]
"""Runs one statement with its parameters."""


class OutboxError(AgentError):
    """The outbox can't be read or written; what it held is still there."""


class Database:
    """An open file that exists already. Raises `OutboxError` for all that goes wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            raise OutboxError(f"The outbox {path} is gone.", ENROL_AGAIN)
        with self._explained():
            # Transactions are begun by hand.
            self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            with self._explained():
                for setting in SETTINGS:
                    self._connection.execute(f"PRAGMA {setting}").fetchall()
        except OutboxError:
            self._connection.close()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Run]:
        """Run statements together: after the block all of them are on the disk, or none is."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _explain(self._path, error) from None


def _explain(path: Path, error: sqlite3.DatabaseError) -> OutboxError:
    # The low byte is the primary code (sqlite.org/rescode.html).
    code: Any = getattr(error, "sqlite_errorcode", 0) & 0xFF
    unwritable = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
    if code == sqlite3.SQLITE_FULL or (unwritable and _is_full(path.parent)):
        return OutboxError(
            f"The disk that holds {path.parent} is full: new readings cannot be kept.",
            "Free some space there; the agent goes on by itself.",
        )
    if unwritable or code == sqlite3.SQLITE_READONLY:
        return OutboxError(
            f"The outbox {path} cannot be written ({error}).",
            "Check that the disk is writable and not full; the agent goes on by itself.",
        )
    if code == sqlite3.SQLITE_BUSY:
        return OutboxError(f"The outbox {path} is busy.", "Try again in a moment.")
    return OutboxError(f"The outbox {path} is damaged ({error}).", ENROL_AGAIN)


def _is_full(folder: Path) -> bool:
    import shutil  # noqa: PLC0415 - the resident agent needs it here alone

    try:
        return shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return False
