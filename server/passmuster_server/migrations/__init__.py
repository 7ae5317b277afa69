"""The schema's versions, and how a database is brought to the newest one."""

import secrets
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select

from passmuster_server.clock import utc_now
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices.groups import create_default_group
from passmuster_server.devices.tables import organisations
from passmuster_server.policy.store import publish_default
from passmuster_server.schema import DEFAULT_ORGANISATION


class SchemaError(Exception):
    """The database is not at the version that this server needs."""


def migrate(database: Database) -> str:
    """Bring the database to the newest schema, create what a fresh one lacks, return the version.

    Raises `StoreUnavailableError`.
    """
    config = _config()
    with database.writer_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    database.write_now(lambda transaction: _fill(transaction.connection))
    return _head()


def check(connection: Connection) -> None:
    """Raise `SchemaError` unless the database is at the newest schema."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found != _head():
        raise SchemaError(
            "the database has no schema yet"
            if found is None
            else "the database is at another version than this server"
        )


def check_ready(database: Database) -> None:
    """Raise `SchemaError` unless a server can work with the database."""
    try:
        database.read_now(check)
    except StoreUnavailableError as error:
        raise SchemaError("the database can't be opened") from error


def _fill(connection: Connection) -> None:
    _create_organisation(connection)
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


def _config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _head() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the package holds at least one version
    return head
