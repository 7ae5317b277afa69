"""The schema's versions, and how a database is brought to the newest one."""

import contextlib
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from passmuster_server import __version__
from passmuster_server.clock import utc_now
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices import lineage
from passmuster_server.devices.groups import create_default_group
from passmuster_server.devices.tables import organisations
from passmuster_server.engines import DATABASE_ERRORS, named
from passmuster_server.policy.store import publish_default
from passmuster_server.schema import DEFAULT_ORGANISATION

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"(\d{4})_\w+\.py")
_ALEMBIC_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))
"""Where alembic keeps the version of a database."""

ONE_AT_A_TIME = 0x7061_7373
"""PostgreSQL's advisory lock of whoever migrates. Any number will do that nobody else takes."""


class SchemaError(Exception):
    """The database is not at the version that this server needs; `migrate` brings it there."""


class NewerSchemaError(Exception):
    """The database was brought further by a newer server; this one would misread it."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the database is at version {found}, which this server ({__version__}) does not know: "
            "a newer server has migrated it. Install that version again, or restore the backup "
            "that was made before the upgrade"
        )


def migrate(database: Database) -> str:
    """Bring the database to the newest schema, create what a fresh one lacks, return the version.

    Several servers may do so at once: on PostgreSQL the others wait for the first. Raises
    `StoreUnavailableError`, and `NewerSchemaError` before anything is changed.
    """
    # It takes as long to load as the half of a server, and most starts migrate nothing.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with _one_at_a_time(database):
            with database.writer_engine.connect() as connection:
                _refuse_newer(_revision(connection))
                # What was read has to end before each version begins a transaction of its own.
                connection.rollback()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            database.write_now(lambda transaction: _fill(transaction.connection))
    except DATABASE_ERRORS as error:
        raise StoreUnavailableError(f"the database can't be migrated ({named(error)})") from error
    return versions()[-1]


def versions() -> list[str]:
    """Return every version there is, oldest first: they follow each other by their number."""
    names = (_NAME.fullmatch(each.name) for each in (_FOLDER / "versions").iterdir())
    return sorted(name[1] for name in names if name)


def check(connection: Connection) -> None:
    """Raise `SchemaError` or `NewerSchemaError` unless the database is at the newest schema."""
    found = _revision(connection)
    _refuse_newer(found)
    if found != versions()[-1]:
        raise SchemaError(
            "the database has no schema yet"
            if found is None
            else "the database is at an older version than this server"
        )


def check_ready(database: Database) -> None:
    """Raise `SchemaError` or `NewerSchemaError` unless a server can work with the database."""
    try:
        database.read_now(check)
    except StoreUnavailableError as error:
        raise SchemaError("the database can't be opened") from error


@contextlib.contextmanager
def _one_at_a_time(database: Database) -> Iterator[None]:
    if not database.shared:
        # SQLite lets one write at a time by itself.
        yield
        return
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    # The lock ends with its session, however that ends.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        yield


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_ALEMBIC_VERSION.name):
        return None
    return connection.execute(select(_ALEMBIC_VERSION.c.version_num)).scalar_one_or_none()


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in versions():
        raise NewerSchemaError(found)


def _fill(connection: Connection) -> None:
    _create_organisation(connection)
    lineage.note_place(connection)
    publish_default(connection, utc_now())


def _create_organisation(connection: Connection) -> None:
    if connection.execute(select(organisations.c.organisation_id)).first() is not None:
        return
    connection.execute(
        organisations.insert().values(
            organisation_id=DEFAULT_ORGANISATION,
            name="Default",
            server_id=secrets.token_hex(16),
            hash_key=secrets.token_bytes(32),
        )
    )
    create_default_group(connection, DEFAULT_ORGANISATION, utc_now())
