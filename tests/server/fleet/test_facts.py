from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import Unknown, fact
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.readable import readable
from passmuster_collectors.signals.signal import Signal
from passmuster_server.fleet.facts import Change, changes
from tests.support.example_laptops import healthy


class State(StrEnum):
    KEY_EXPOSED = "key_exposed"
    ENCRYPTED = "encrypted"


@dataclass(frozen=True)
class Thing:
    name: str = fact("Names it.")
    state: State = fact("What matters.")
    lock_after_s: int | Unknown | None = fact("When.")


@dataclass(frozen=True)
class Facts:
    things: tuple[Thing, ...] = fact("All of them.")
    vpn: bool | Unknown = fact("Protects.")
    network: str | None = fact("Hashed.")
    since: datetime | None = fact("When it began.")
    kinds: tuple[State, ...] = fact("Which.")


HOME = {"name": "/home", "state": "key_exposed", "lock_after_s": 600}
GOOD = {
    "things": [HOME],
    "vpn": True,
    "network": "0123456789abcdef0123456789abcdef",
    "since": "2026-03-04T09:30:00Z",
    "kinds": ["key_exposed", "encrypted"],
}


def test_facts_are_told_in_words() -> None:
    told = readable(Facts, GOOD)
    assert {column.heading: text for column, text in told.values} == {
        "Vpn": "yes",
        "Network": "#01234567",
        "Since": "4 March 2026, 09:30:00 UTC",
        "Kinds": "key exposed, encrypted",
    }
    (table,) = told.tables
    assert (table.title, table.why) == ("Things", "All of them.")
    assert [column.heading for column in table.columns] == ["Name", "State", "Lock after"]
    assert table.rows == (("/home", "key exposed", "10 minutes"),)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "at once"), (None, "never"), ("unknown", "could not be read")]
)
def test_never_at_once_and_unknown_are_told_apart(seconds: object, text: str) -> None:
    facts = {**GOOD, "things": [{"name": "x", "state": "encrypted", "lock_after_s": seconds}]}
    assert readable(Facts, facts).tables[0].rows[0][2] == text


def test_facts_of_another_version_are_left_out_and_do_no_harm() -> None:
    assert readable(Facts, {"new": 1}).values == ()
    assert readable(Facts, None).tables == ()


def test_a_value_that_moved_is_told_with_its_place() -> None:
    after = {**GOOD, "vpn": False, "things": [{**HOME, "state": "encrypted"}]}
    assert changes(Facts, GOOD, after) == (
        Change("Vpn", "yes", "no"),
        Change("/home: state", "key exposed", "encrypted"),
    )


def test_what_came_and_what_went_is_told() -> None:
    more = [HOME, {"name": "/data", "state": "encrypted", "lock_after_s": None}]
    assert changes(Facts, GOOD, {**GOOD, "things": more}) == (
        Change("Things", "", "/data · encrypted · never"),
    )
    assert changes(Facts, GOOD, {**GOOD, "things": []}) == (
        Change("Things", "/home · key exposed · 10 minutes", ""),
    )


def test_nothing_moved_is_told_as_nothing() -> None:
    assert changes(Facts, GOOD, GOOD) == ()


@pytest.mark.parametrize("signal", CATALOG, ids=lambda signal: signal.id)
def test_every_signals_facts_can_be_told(signal: Signal[object, object]) -> None:
    (reading,) = [each for each in healthy() if each.signal == signal.id]
    assert reading.facts is not None, "the healthy laptop should have facts to tell"
    told = readable(signal.facts, reading.facts)
    assert told.values or told.tables
    assert codec.decode(signal.facts, dict(reading.facts))
