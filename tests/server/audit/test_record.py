"""The chain of audit entries: what it proves, and what may be erased without breaking it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from passmuster_server.audit import record
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import BrokenChainError, Entry, Event, Verified
from passmuster_server.database import Database
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support import example_database

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
IT = "it@example.com"
ANA = "Ana@Example.com"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return example_database.create(tmp_path)


def put(database: Database, event: Event, now: datetime = NOW) -> str:
    return database.write_now(
        lambda transaction: record.record(transaction.connection, DEFAULT_ORGANISATION, event, now)
    )


def filled(database: Database) -> str:
    """Record three actions, the second one about a person; return the head."""
    put(database, Event(Action.SIGNED_IN, IT))
    put(database, Event(Action.DEVICE_REVOKED, IT, "device-1", ANA, {"why": "lost on a train"}))
    return put(database, Event(Action.POLICY_PUBLISHED, IT, "2"))


def verified(database: Database, head: str = "") -> Verified:
    return database.read_now(
        lambda connection: record.verify(connection, DEFAULT_ORGANISATION, head)
    )


def read(database: Database, search: str = "") -> list[Entry]:
    return database.read_now(
        lambda connection: record.entries(connection, DEFAULT_ORGANISATION, search=search)
    )


def changed(database: Database, statement: str) -> None:
    database.write_now(lambda transaction: transaction.run(statement))


def test_an_empty_record_holds(database: Database) -> None:
    assert verified(database) == Verified(0, 0, "0" * 64)


def test_entries_are_numbered_and_the_newest_comes_first(database: Database) -> None:
    head = filled(database)
    found = read(database)
    assert [entry.number for entry in found] == [3, 2, 1]
    assert found[1] == Entry(
        2, NOW, "device.revoked", IT, ANA.casefold(), "device-1", {"why": "lost on a train"},
        found[1].entry_hash,
    )  # fmt: skip
    assert verified(database) == Verified(3, 0, head)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit_entries SET actor = 'other@example.com' WHERE number = 2", "entry 2"),
        ("UPDATE audit_entries SET action = 'device.viewed' WHERE number = 2", "entry 2"),
        ("UPDATE audit_entries SET at = at + 1 WHERE number = 1", "entry 1"),
        ("UPDATE audit_entries SET person = 'bo@example.com' WHERE number = 2", "entry 2"),
        ("UPDATE audit_entries SET subject = 'device-2' WHERE number = 2", "entry 2"),
        ("UPDATE audit_entries SET subject = 'x' WHERE number = 3", "entry 3"),
        ("DELETE FROM audit_entries WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit_entries WHERE number = 1", "entry 1 is missing"),
        ("DELETE FROM audit_entries WHERE number = 3", "ends at entry 2; it had 3"),
        ("DELETE FROM audit_entries", "ends at entry 0; it had 3"),
        (
            "UPDATE audit_entries SET details = NULL, salt = NULL WHERE number = 2",
            "entry 2 was emptied",
        ),
    ],
)
def test_what_was_tampered_with_is_named(database: Database, statement: str, told: str) -> None:
    filled(database)
    changed(database, statement)
    with pytest.raises(BrokenChainError, match=told):
        verified(database)


def test_an_end_that_was_cut_and_written_anew_is_noticed_by_a_head_noted_before(
    database: Database,
) -> None:
    head = filled(database)
    changed(database, "DELETE FROM audit_entries WHERE number = 3")
    before = read(database)[0].entry_hash
    changed(database, f"UPDATE audit_heads SET number = 2, entry_hash = '{before}'")  # noqa: S608 - a hash
    put(database, Event(Action.POLICY_PUBLISHED, IT, "3"))
    assert verified(database).entries == 3, "by itself the chain holds again"
    with pytest.raises(BrokenChainError, match="the noted head is not in the record"):
        verified(database, head)


def test_a_head_noted_earlier_stays_in_the_record(database: Database) -> None:
    head = filled(database)
    put(database, Event(Action.SIGNED_OUT, IT))
    assert verified(database, head).entries == 4


def test_a_person_is_erased_and_the_chain_still_holds(database: Database) -> None:
    filled(database)

    def erase(connection: Connection) -> tuple[tuple[int, int], ...]:
        return record.erase(connection, DEFAULT_ORGANISATION, "ana@example.com")

    numbers = database.write_now(lambda transaction: erase(transaction.connection))
    put(
        database,
        Event(Action.PERSON_ERASED, IT, details={"audit_entries": [list(row) for row in numbers]}),
    )
    assert numbers == ((2, 2),)
    found = verified(database)
    assert (found.entries, found.erased) == (4, 1)
    erased = read(database)[2]
    assert (erased.action, erased.actor, erased.person) == ("device.revoked", IT, "")
    assert (erased.subject, erased.details) == ("", None)


def test_an_erasure_of_an_earlier_version_accounts_for_each_entry_by_its_number(
    database: Database,
) -> None:
    filled(database)
    database.write_now(
        lambda transaction: record.erase(transaction.connection, DEFAULT_ORGANISATION, ANA)
    )
    put(database, Event(Action.PERSON_ERASED, IT, details={"audit_entries": [1, 3]}))
    with pytest.raises(BrokenChainError, match="entry 2 was emptied"):
        verified(database)
    put(database, Event(Action.PERSON_ERASED, IT, details={"audit_entries": [2]}))
    assert verified(database).erased == 1


def test_an_erasure_of_thousands_of_entries_can_be_read_and_proven(database: Database) -> None:
    def fill(connection: Connection) -> tuple[tuple[int, int], ...]:
        for number in range(12_000):
            person = ANA if number % 2 else "bo@example.com"
            event = Event(Action.DEVICE_VIEWED, IT, "device-1", person)
            record.record(connection, DEFAULT_ORGANISATION, event, NOW)
        return record.erase(connection, DEFAULT_ORGANISATION, ANA)

    rows = database.write_now(lambda transaction: fill(transaction.connection))
    put(database, Event(Action.PERSON_ERASED, IT, details={"audit_entries": list(rows)}))
    assert read(database)[0].action == "person.erased"
    assert (verified(database).entries, verified(database).erased) == (12_001, 6_000)


@pytest.mark.parametrize(
    ("search", "numbers"),
    [("REVOKED", [2]), ("ana@", [2]), ("device-1", [2]), ("it@", [3, 2, 1]), ("%", []), ("_", [1])],
)
def test_a_search_is_a_text_in_any_column(
    database: Database, search: str, numbers: list[int]
) -> None:
    filled(database)
    assert [entry.number for entry in read(database, search)] == numbers


def test_looking_again_is_recorded_once_an_hour(database: Database) -> None:
    event = Event(Action.DEVICE_VIEWED, IT, "device-1", ANA)

    def look(after: timedelta) -> Callable[[], None]:
        return lambda: database.write_now(
            lambda transaction: record.record_once(
                transaction.connection, DEFAULT_ORGANISATION, event, NOW + after, timedelta(hours=1)
            )
        )

    for minutes in (0, 10, 59, 61):
        look(timedelta(minutes=minutes))()
    assert [entry.at for entry in read(database)] == [NOW + timedelta(minutes=61), NOW]
