"""The schema that `migrate` makes, and what a server says to any other."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from passmuster_server import migrations, tables
from passmuster_server.database import Database
from tests.support import postgresql, store
from tests.support.running_server import free_port, run


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/passmuster.db")


def schema_of(connection: Connection) -> dict[str, list[str]]:
    """Return the parts of each statement, sorted: SQLite adds a later column after the keys."""
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'alembic_version'"
    )
    between = re.compile(r", (?![^(]*\))")
    return {
        name: sorted(between.split(" ".join(sql.partition("(")[2].removesuffix(")").split())))
        for name, sql in found
    }


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


def test_rules_from_before_alerts_of_the_record_hear_of_what_comes_and_not_of_what_was(
    tmp_path: Path,
) -> None:
    database = Database(store.new_store(tmp_path))
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database.writer_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0034")
    for statement in (
        (
            "INSERT INTO organisations (organisation_id, name, server_id, hash_key) "
            "VALUES ('default', 'Default', 'server', ?)"
        ),
        (
            "INSERT INTO alert_rules (organisation_id, name, rule, created_at, sent, failures) "
            "VALUES ('default', 'desk', ?, 1, 0, 0)"
        ),
        "INSERT INTO audit_heads (organisation_id, number, entry_hash) VALUES ('default', 7, ?)",
    ):
        database.write_now(
            lambda transaction, run=statement: transaction.run(run, (b"",))  # type: ignore[misc]
        )
    migrations.migrate(database)
    found = database.read_now(
        lambda connection: connection.exec_driver_sql(
            "SELECT organisation_id, number FROM alert_places"
        ).all()
    )
    database.dispose()
    assert [tuple(row) for row in found] == [("default", 7)]


def test_devices_from_before_there_were_groups_are_the_companys_in_the_default_group(
    tmp_path: Path,
) -> None:
    database = Database(store.new_store(tmp_path))
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database.writer_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    database.write_now(
        lambda transaction: transaction.run(
            "INSERT INTO organisations (organisation_id, name, server_id, hash_key) "
            "VALUES ('default', 'Default', 'server', ?)",
            (bytes(32),),
        )
    )
    database.write_now(
        lambda transaction: transaction.run(
            "INSERT INTO devices (organisation_id, device_id, owner, computer_name, platform, "
            "system, agent_version, public_key, thumbprint, fingerprint, tier, status, enrolled_at)"
            " VALUES ('default', 'd', 'ana@example.com', '', 'linux', '', '', ?, '', '', 'file', "
            "'active', 1)",
            (b"",),
        )
    )
    migrations.migrate(database)
    found = database.read_now(
        lambda connection: connection.exec_driver_sql(
            "SELECT g.name, g.kind, d.ownership FROM devices AS d JOIN groups AS g "
            "ON g.organisation_id = d.organisation_id AND g.group_id = d.group_id"
        ).all()
    )
    database.dispose()
    assert [tuple(row) for row in found] == [("Default", "internal", "company")]


def test_migrating_twice_changes_nothing(database: Database, tmp_path: Path) -> None:
    migrations.migrate(database)
    with sqlite3.connect(tmp_path / "passmuster.db") as connection:
        before = list(connection.iterdump())
        migrations.migrate(database)
        assert list(connection.iterdump()) == before


def test_an_empty_database_is_not_ready(database: Database) -> None:
    with pytest.raises(migrations.SchemaError, match="no schema yet"):
        migrations.check_ready(database)


def test_an_older_database_is_not_ready_until_it_is_migrated(
    database: Database, tmp_path: Path
) -> None:
    migrations.migrate(database)
    with sqlite3.connect(tmp_path / "passmuster.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(migrations.SchemaError, match="older version than this server"):
        migrations.check_ready(database)


@pytest.mark.parametrize("command", ["serve", "migrate", "policy show"])
def test_a_database_of_a_newer_server_is_refused_and_stays_as_it_is(
    database: Database, tmp_path: Path, command: str
) -> None:
    migrations.migrate(database)
    with sqlite3.connect(tmp_path / "passmuster.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        before = list(connection.iterdump())
        said = run("--data-directory", str(tmp_path), *command.split(), check=False)
        assert said.returncode == 1
        assert "at version 9999" in said.stderr
        assert "a newer server has migrated it" in said.stderr
        assert "Install that version again, or restore the backup" in said.stderr
        assert "Traceback" not in said.stderr
        assert list(connection.iterdump()) == before


def test_several_servers_may_migrate_one_postgresql_at_once() -> None:
    url = postgresql.cluster().create_database()
    databases = [Database(url) for _ in range(4)]
    try:
        with ThreadPoolExecutor(len(databases)) as together:
            versions = set(together.map(migrations.migrate, databases))
        assert len(versions) == 1
        assert store.rows(url, "SELECT count(*) FROM organisations") == [(1,)]
    finally:
        for each in databases:
            each.dispose()


def test_a_database_out_of_reach_is_told_in_one_line(tmp_path: Path) -> None:
    settings = tmp_path / "server.toml"
    settings.write_text(f'database = "postgresql://nobody@127.0.0.1:{free_port()}/nothing"\n')
    said = run("--data-directory", str(tmp_path), "--config", str(settings), "migrate", check=False)
    assert said.returncode == 1
    assert said.stderr.startswith("passmuster-server: the database can't be migrated")
    assert len(said.stderr.splitlines()) == 1


def test_alembic_sees_the_same_versions_in_the_same_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    seen = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert migrations.versions() == seen[::-1]
