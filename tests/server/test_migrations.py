"""The schema that `migrate` makes, and what a server says to any other."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from passmuster_server import migrations, tables
from passmuster_server.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/passmuster.db")


def schema_of(connection: Connection) -> dict[str, str]:
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'"
    )
    return {name: " ".join(sql.split()) for name, sql in found}


def test_the_migrations_make_the_very_schema_that_the_areas_declare(
    database: Database, tmp_path: Path
) -> None:
    migrations.migrate(database)
    declared = Database(f"sqlite:///{tmp_path}/declared.db")
    tables.METADATA.create_all(declared.writer_engine)
    expected, found = declared.read_now(schema_of), database.read_now(schema_of)
    assert found.keys() == expected.keys()
    for name, sql in expected.items():
        assert found[name] == sql, name


def test_alembic_finds_nothing_left_to_migrate(database: Database) -> None:
    migrations.migrate(database)
    differences = database.read_now(
        lambda connection: compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), tables.METADATA
        )
    )
    assert differences == []


def test_migrating_twice_changes_nothing(database: Database, tmp_path: Path) -> None:
    migrations.migrate(database)
    with sqlite3.connect(tmp_path / "passmuster.db") as connection:
        before = list(connection.iterdump())
        migrations.migrate(database)
        assert list(connection.iterdump()) == before


def test_an_empty_database_is_not_ready(database: Database) -> None:
    with pytest.raises(migrations.SchemaError, match="no schema yet"):
        migrations.check_ready(database)


def test_a_database_of_a_newer_server_is_not_ready(database: Database, tmp_path: Path) -> None:
    migrations.migrate(database)
    with sqlite3.connect(tmp_path / "passmuster.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrations.SchemaError, match="another version"):
        migrations.check_ready(database)
