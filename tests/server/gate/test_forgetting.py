"""Callers that are confined to people, two of whom are erased on two servers at once."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from passmuster_server.database import Database
from passmuster_server.gate.callers import Grants
from passmuster_server.gate.client_store import active_clients, create_client
from passmuster_server.gate.forgetting import forget_person
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database, postgresql

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
ANA, BO = "ana@example.com", "bo@example.com"


@pytest.fixture
def servers() -> Iterator[tuple[Database, Database]]:
    url = postgresql.cluster().create_database()
    first, second = example_database.create_at(url), Database(url)
    yield first, second
    second.dispose()


def erased(database: Database, person: str) -> tuple[str, ...]:
    return database.write_now(
        lambda each: forget_person(each.connection, DEFAULT_ORGANISATION, person, NOW)
    )


def test_the_last_two_people_of_a_caller_erased_at_once_do_not_set_it_free(
    servers: tuple[Database, Database],
) -> None:
    first, second = servers
    grants = Grants(people=(ANA, BO))
    first.write_now(lambda each: create_client(each, DEFAULT_ORGANISATION, "desk", NOW, grants))
    ended: list[tuple[str, ...]] = []
    other = threading.Thread(target=lambda: ended.append(erased(second, BO)))
    with first.writer_engine.begin() as connection:
        assert forget_person(connection, DEFAULT_ORGANISATION, ANA, NOW) == ()
        other.start()
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        deadline = time.monotonic() + 60
        while other.is_alive() and not connection.execute(waits).scalar_one():
            assert time.monotonic() < deadline, "the other erasure neither waits nor ends"
            time.sleep(0.02)
    other.join()
    assert ended == [("desk",)], "expected the second erasure to revoke the caller"
    left = first.read_now(lambda connection: active_clients(connection, DEFAULT_ORGANISATION))
    assert left == []
