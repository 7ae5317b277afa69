"""What waits to be sent: one server at a time has it, whole, until it was taken."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from passmuster_server.alerts import outbox
from passmuster_server.alerts.outbox import CLAIM, IN_A_DIGEST, Message
from passmuster_server.alerts.rules import Alert, Hook, Kind, Rule, Severity, Syslog, add_rule
from passmuster_server.alerts.tables import alert_outbox
from passmuster_server.database import Database, Transaction
from passmuster_server.schema import DEFAULT_GROUP, DEFAULT_ORGANISATION
from tests.support import example_database, postgresql

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
RULE = Rule("tickets", Hook("http://127.0.0.1:9/x", "whsec_"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    created = example_database.create(tmp_path)
    created.write_now(lambda each: add_rule(each.connection, DEFAULT_ORGANISATION, RULE, NOW))
    yield created
    example_database.close_all()


def put(database: Database, *devices: str) -> None:
    for device in devices:
        alert = Alert(device, Kind.SHUT_OUT, Severity.HIGH, (), 0)
        database.write_now(
            lambda each, alert=alert: outbox.put(  # type: ignore[misc]
                each.connection, DEFAULT_ORGANISATION, DEFAULT_GROUP, alert, NOW
            )
        )


def due(database: Database, now: datetime = NOW) -> Message | None:
    return database.write_now(lambda each: outbox.next_message(each.connection, now))


def is_due(database: Database, now: datetime = NOW) -> bool:
    return database.read_now(lambda connection: outbox.is_due(connection, now))


def next_of(database: Database, now: datetime = NOW) -> Message:
    found = due(database, now)
    assert found is not None, "nothing is due"
    return found


def settle(database: Database, message: Message, retry_at: datetime | None = None) -> None:
    database.write_now(
        lambda each: outbox.settle(
            each.connection, message, NOW, retry_at, "why" if retry_at else ""
        )
    )


def devices(message: Message) -> list[str]:
    return [each.device for each in message.alerts]


def waiting(database: Database) -> int:
    return database.read_now(
        lambda connection: connection.execute(
            select(func.count()).select_from(alert_outbox)
        ).scalar_one()
    )


def test_what_is_written_under_a_lower_number_while_a_message_goes_out_is_not_lost(
    database: Database,
) -> None:
    put(database, "a")
    sent = next_of(database)
    # Two servers on PostgreSQL take numbers in one order and commit in another.
    put(database, "late")
    database.write_now(
        lambda each: each.connection.execute(
            text("UPDATE alert_outbox SET alert_id = -1 WHERE device_id = 'late'")
        )
    )
    settle(database, sent)
    assert devices(next_of(database)) == ["late"]


def test_a_digest_takes_with_it_what_it_counted_and_nothing_else(database: Database) -> None:
    put(database, *(f"d{number}" for number in range(IN_A_DIGEST + 3)))
    digest = next_of(database)
    assert (len(digest.alerts), digest.more) == (IN_A_DIGEST, 3)
    put(database, "late")
    settle(database, digest)
    assert devices(next_of(database)) == ["late"]


def test_what_reads_events_is_told_of_each_however_many_there_are(tmp_path: Path) -> None:
    database = example_database.create(tmp_path)
    siem = Rule("siem", Syslog("127.0.0.1", 9, "tcp"), per_hour=1_000)
    database.write_now(lambda each: add_rule(each.connection, DEFAULT_ORGANISATION, siem, NOW))
    names = [f"d{number}" for number in range(IN_A_DIGEST + 3)]
    put(database, *names)
    told: list[str] = []
    while (message := due(database)) is not None:
        assert message.more == 0, "nobody reads a number"
        told += devices(message)
        settle(database, message)
    assert told == names
    example_database.close_all()


def test_what_failed_is_tried_again_as_the_same_message(database: Database) -> None:
    put(database, "a", "b")
    first = next_of(database)
    settle(database, first, NOW + timedelta(seconds=5))
    put(database, "c")
    assert due(database) is None, "it was to be tried later"
    again = next_of(database, NOW + timedelta(seconds=5))
    assert (again.message_id, devices(again), again.failures) == (first.message_id, ["a", "b"], 1)
    settle(database, again)
    after = next_of(database, NOW + timedelta(seconds=5))
    assert (devices(after), after.failures) == (["c"], 0)
    assert after.message_id != first.message_id


def test_to_look_whether_anything_is_due_takes_a_read(tmp_path: Path) -> None:
    database = example_database.create(tmp_path)
    two = Rule("two", Hook("http://127.0.0.1:9/x", "whsec_"), per_hour=2)
    database.write_now(lambda each: add_rule(each.connection, DEFAULT_ORGANISATION, two, NOW))
    assert not is_due(database), "nothing waits"
    put(database, "a")
    assert is_due(database)
    first = next_of(database)
    assert not is_due(database), "it is on its way"
    assert is_due(database, NOW + CLAIM), "whoever had it is gone"
    later = NOW + timedelta(seconds=5)
    settle(database, first, later)
    assert not is_due(database), "it was to be tried later"
    assert is_due(database, later)
    settle(database, next_of(database, later))
    put(database, "b", "c")
    settle(database, next_of(database))
    assert not is_due(database), "two an hour"
    assert is_due(database, NOW + outbox.HOUR)
    example_database.close_all()


def test_after_a_crash_it_is_the_same_message_too(database: Database) -> None:
    put(database, "a")
    first = next_of(database)
    put(database, "b")
    assert due(database, NOW + CLAIM - timedelta(seconds=1)) is None, "it may be on its way still"
    again = next_of(database, NOW + CLAIM)
    assert (again.message_id, devices(again)) == (first.message_id, ["a"])


def test_whoever_is_late_frees_nothing_that_another_has_begun(database: Database) -> None:
    put(database, "a", "b")
    late = next_of(database)
    other = next_of(database, NOW + CLAIM)
    settle(database, late, NOW + CLAIM)
    assert due(database, NOW + CLAIM) is None, "the other one's claim was ended"
    settle(database, other)
    assert waiting(database) == 0


def test_a_try_again_is_not_counted_as_a_message_of_the_hour(tmp_path: Path) -> None:
    database = example_database.create(tmp_path)
    one = Rule("one", Hook("http://127.0.0.1:9/x", "whsec_"), per_hour=1)
    database.write_now(lambda each: add_rule(each.connection, DEFAULT_ORGANISATION, one, NOW))
    put(database, "a")
    first = next_of(database)
    settle(database, first, NOW)
    put(database, "b")
    again = next_of(database)
    assert devices(again) == ["a"]
    settle(database, again)
    assert due(database) is None, "one an hour"
    assert devices(next_of(database, NOW + outbox.HOUR)) == ["b"]
    example_database.close_all()


def test_of_two_servers_that_look_at_once_one_gets_it() -> None:
    url = postgresql.cluster().create_database()
    first, second = example_database.create_at(url), Database(url)
    first.write_now(lambda each: add_rule(each.connection, DEFAULT_ORGANISATION, RULE, NOW))
    put(first, "a", "b")
    found: list[Message | None] = []
    other = threading.Thread(target=lambda: found.append(due(second)))

    def look(transaction: Transaction) -> Message | None:
        message = outbox.next_message(transaction.connection, NOW)
        other.start()
        deadline = time.monotonic() + 60
        held = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not transaction.connection.execute(held).scalar_one():
            assert time.monotonic() < deadline, "the other server does not wait for this one"
            time.sleep(0.02)
        return message

    try:
        message = first.write_now(look)
        other.join()
        assert message is not None
        assert (devices(message), found) == (["a", "b"], [None])
    finally:
        second.dispose()
        example_database.close_all()
