"""What waits too long, or is too much, is forgotten: the oldest first."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from passmuster_server.database import Database
from passmuster_server.gate.callers import GateClient, Grants
from passmuster_server.gate.client_store import create_oauth_client
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.ssf import forgetting, outbox, streams
from passmuster_server.ssf.stream import Method, Settings, Stream
from passmuster_server.ssf.subjects import SubjectFormat
from tests.support import example_database

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
POLLED = Settings(Method.POLL, None, None, None, SubjectFormat.COMPLEX, None)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return example_database.create(tmp_path)


@pytest.fixture
def stream(database: Database) -> Stream:
    client, _ = database.write_now(
        lambda t: create_oauth_client(t, DEFAULT_ORGANISATION, "sso", NOW, Grants())
    )
    receiver = GateClient(DEFAULT_ORGANISATION, client, "sso", "")
    return database.write_now(lambda t: streams.create_stream(t.connection, receiver, POLLED, NOW))


def put(database: Database, stream: Stream, count: int, at: datetime) -> None:
    def work(connection: Connection) -> None:
        for number in range(count):
            outbox.put_verification(connection, stream, f"{at} {number}", "https://us", at)

    database.write_now(lambda transaction: work(transaction.connection))


def states(database: Database, stream: Stream) -> list[str]:
    found, _ = database.read_now(lambda c: outbox.waiting(c, stream, 1_000))
    return [str(next(iter(each.claims["events"].values()))["state"]) for each in found]


def forget(database: Database, limit: int = 500) -> int:
    before = NOW - forgetting.HELD
    return database.write_now(lambda t: forgetting.forget_events(t.connection, before, limit))


def test_an_event_waits_for_a_week(database: Database, stream: Stream) -> None:
    old = NOW - forgetting.HELD - timedelta(seconds=1)
    put(database, stream, 3, old)
    put(database, stream, 2, NOW - forgetting.HELD + timedelta(seconds=1))
    assert forget(database, limit=2) == 2
    assert forget(database) == 1
    assert forget(database) == 0
    assert len(states(database, stream)) == 2


def test_of_too_many_the_newest_stay(
    database: Database, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "MAX_HELD", 3)
    put(database, stream, 5, NOW)
    assert forget(database) == 2
    assert states(database, stream) == [f"{NOW} {number}" for number in (2, 3, 4)]
    assert forget(database) == 0
