"""Copies of SQLite's database, made while a server works on it, and put back in its place.

PostgreSQL brings its own tools (`pg_dump`, `pg_basebackup`), which know it better.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from passmuster_server.clock import Clock
from passmuster_server.schema import to_microseconds

LOG_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a database: https://www.sqlite.org/walformat.html"""


class BackupError(Exception):
    """A copy that can't be made or is none of ours; the message says why."""


def back_up(database: Path, copy: Path, clock: Clock) -> int:
    """Write a consistent copy of what is committed to the file `copy`; return its bytes.

    Writers go on meanwhile: it is read in one transaction. The copy knows that it is one, so that
    laptops which report to the original after it may go on with it (`devices.lineage`). Raises
    `BackupError`.
    """
    if copy.exists():
        raise BackupError(f"{copy} is there already")
    part = copy.with_name(f"{copy.name}.part")
    part.unlink(missing_ok=True)
    try:
        with _opened(database, read_only=True) as source, _opened(part) as target:
            source.backup(target)
            # A single file: what is in no log can't be forgotten when it is moved.
            target.execute("PRAGMA journal_mode=DELETE")
            # The time after it: whatever was heard before is in the copy.
            target.execute("UPDATE organisations SET restored_at = ?", (to_microseconds(clock()),))
            target.commit()
            _check(target, part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(copy)
        _sync_folder(copy.parent)
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{copy} can't be written ({error})") from None
    finally:
        part.unlink(missing_ok=True)
    return copy.stat().st_size


def restore(copy: Path, database: Path) -> Path | None:
    """Put a checked copy in the place of `database`; return where the one before is kept.

    No server may work on it. Raises `BackupError`.
    """
    part = database.with_name(f"{database.name}.part")
    part.unlink(missing_ok=True)
    try:
        with _opened(copy, read_only=True) as source, _opened(part) as target:
            source.backup(target)
            _check(target, copy)
        kept = _set_aside(database)
        part.rename(database)
        _sync_folder(database.parent)
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{copy} can't be put in place ({error})") from None
    finally:
        part.unlink(missing_ok=True)
    return kept


def _set_aside(database: Path) -> Path | None:
    """Rename what is there. A log that stayed behind would be taken for the copy's own."""
    if not database.exists():
        return None
    number = 1
    while (kept := database.with_name(f"{database.name}.before-restore-{number}")).exists():
        number += 1
    for ending in LOG_FILES:
        log = database.with_name(database.name + ending)
        if log.exists():
            log.rename(kept.with_name(kept.name + ending))
    database.rename(kept)
    return kept


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (told,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if told != "ok":
        raise BackupError(f"{path} is damaged: {told}")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not {"alembic_version", "organisations", "ratchets"} <= tables:
        raise BackupError(f"{path} is no database of this server's")


@contextlib.contextmanager
def _opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    if read_only and not path.is_file():
        raise BackupError(f"{path} is not there")
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
