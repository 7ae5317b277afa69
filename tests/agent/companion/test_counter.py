"""Who may confirm a browser at this laptop, in which order, and how often."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from passmuster_agent import delivery_words as words
from passmuster_agent.companion.channel import Caller, Channel, ChannelClosedError
from passmuster_agent.companion.counter import MOST_NUMBERS, MOST_TALKS, Counter
from passmuster_agent.companion.messages import (
    FROM_COMPANION,
    TO_PERSON,
    Agreed,
    Browser,
    Changed,
    Goodbye,
    LetIn,
    Refused,
    Typed,
    from_bytes,
    to_bytes,
)
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.errands import Confirm, LookUp
from passmuster_collectors.contract.confirmation import LIFETIME_S, BrowserAsking
from passmuster_collectors.host.events import NEVER

ANA = Caller(1000, is_logged_in=True, is_own=False)
BEN = Caller(1001, is_logged_in=True, is_own=False)
CAL = Caller(1002, is_logged_in=True, is_own=False)
DEB = Caller(1003, is_logged_in=True, is_own=False)
ASKING = BrowserAsking(
    *(1, "47182936", "challenge", "session", "helpdesk", "ana@example.com", "192.0.2.7"),
    same_address=False,
    age_s=12,
)


@dataclass
class Person:
    """The agent's end of a channel, and what goes over it."""

    said: list[bytes] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    is_gone: bool = False
    is_closed: bool = False

    def fileno(self) -> int:
        return 0

    def send(self, data: bytes) -> None:
        self.told.append(data)

    def receive(self) -> bytes | None:
        if self.is_gone:
            raise ChannelClosedError
        return self.said.pop(0) if self.said else None

    def close(self) -> None:
        self.is_closed = True

    def says(self, *messages: object) -> None:
        self.said += map(to_bytes, messages)

    @property
    def last(self) -> Any:
        """Return what they were told last."""
        return from_bytes(self.told[-1], TO_PERSON)


@dataclass
class Queue:
    """A door at which the test lets people stand."""

    coming: list[tuple[Channel, Caller]] = field(default_factory=list)

    def fileno(self) -> int:
        return 0

    def accept(self) -> tuple[Channel, Caller] | None:
        return self.coming.pop(0) if self.coming else None

    def close(self) -> None:
        self.coming.clear()


@dataclass
class Clock:
    """The seconds since boot."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door() -> Queue:
    return Queue()


@pytest.fixture
def counter(door: Queue, clock: Clock) -> Counter:
    return Counter(door, clock)


@pytest.fixture
def come(door: Queue, counter: Counter) -> Callable[..., Person]:
    def come(caller: Caller = ANA, *messages: object) -> Person:
        person = Person()
        person.says(*messages)
        door.coming.append((person, caller))
        counter.read()
        return person

    return come


def delivered(**came: Any) -> Delivery:
    return Delivery(came.pop("kind", DeliveryKind.ACCEPTED), datetime.now(UTC), **came)


def test_a_number_is_looked_up_told_and_confirmed_only_once_they_agree(
    come: Callable[..., Person], counter: Counter
) -> None:
    person = come(ANA, Typed("47182936"))
    assert counter.next_at() < 0
    assert counter.next() == LookUp("47182936")
    assert counter.next() is None, "one at a time"
    counter.done(delivered(asking=ASKING))
    assert person.last == Browser("helpdesk", "ana@example.com", "192.0.2.7", False, 12)
    counter.read()
    assert counter.next() is None, "nobody has agreed yet"
    person.says(Agreed())
    counter.read()
    assert counter.next() == Confirm("47182936", "challenge", "session")
    counter.done(delivered(confirmed=True))
    assert person.last == LetIn()
    assert person.is_closed
    assert counter.next_at() == NEVER


def test_nothing_is_agreed_to_that_was_not_shown(
    come: Callable[..., Person], counter: Counter
) -> None:
    for messages in ((Agreed(),), (Typed("47182936"), Agreed()), (Typed("1" * 8), Typed("2" * 8))):
        person = come(ANA, *messages)
        assert isinstance(person.last, Goodbye), messages
        assert person.is_closed
        assert counter.next() is None, messages


def test_one_agreement_confirms_once(come: Callable[..., Person], counter: Counter) -> None:
    person = come(ANA, Typed("47182936"))
    counter.next()
    counter.done(delivered(asking=ASKING))
    person.says(Agreed(), Agreed())
    counter.read()
    assert isinstance(person.last, Goodbye)
    assert counter.next() is None


@pytest.mark.parametrize(
    "caller",
    [
        Caller(1000, is_logged_in=False, is_own=False),
        Caller(120, is_logged_in=True, is_own=False),
        Caller(0, is_logged_in=False, is_own=False),
    ],
    ids=["not logged in", "a greeter", "root without a session"],
)
def test_it_hears_people_who_are_logged_in_and_nobody_else(
    come: Callable[..., Person], counter: Counter, caller: Caller
) -> None:
    person = come(caller, Typed("47182936"))
    assert person.is_closed
    assert counter.next() is None


@pytest.mark.parametrize("number", ["", "4718", "4718293x", "٤٧١٨٢٩٣٦"])
def test_what_is_no_number_costs_nothing(
    come: Callable[..., Person], counter: Counter, number: str
) -> None:
    assert "not a number" in come(ANA, Typed(number)).last.reason
    assert counter.next() is None


def test_numbers_are_tried_some_times_a_minute(
    come: Callable[..., Person], counter: Counter, clock: Clock
) -> None:
    for _ in range(MOST_NUMBERS):
        come(ANA, Typed("47182936"))
        assert counter.next() is not None
        counter.done(delivered(refused="No browser shows it."))
    assert "wait a minute" in come(ANA, Typed("47182936")).last.reason
    clock.at += 61
    come(ANA, Typed("47182936"))
    assert counter.next() is not None


def test_whoever_uses_up_their_tries_leaves_others_theirs(
    come: Callable[..., Person], counter: Counter
) -> None:
    for _ in range(MOST_NUMBERS):
        come(ANA, Typed("47182936"))
        counter.next()
        counter.done(delivered(refused="No browser shows it."))
    assert "wait a minute" in come(ANA, Typed("47182936")).last.reason
    come(BEN, Typed("58293047"))
    assert counter.next() == LookUp("58293047")


def test_whoever_keeps_it_busy_is_served_in_turn_with_others(
    come: Callable[..., Person], counter: Counter
) -> None:
    for _ in range(MOST_TALKS):
        come(ANA, Typed("47182936"))
    assert counter.next() == LookUp("47182936")
    ben = come(BEN, Typed("58293047"))
    assert not ben.is_closed
    counter.done(delivered(refused="No browser shows it."))
    assert counter.next() == LookUp("58293047")
    counter.done(delivered(asking=ASKING))
    assert counter.next() == LookUp("47182936")


def test_however_many_keep_it_busy_each_has_their_turn(
    come: Callable[..., Person], counter: Counter
) -> None:
    numbers = {ANA: "11111111", BEN: "22222222", CAL: "33333333", DEB: "44444444"}
    rounds = 3
    for caller, number in numbers.items():
        for _ in range(rounds):
            come(caller, Typed(number))
    served = []
    for _ in range(rounds * len(numbers)):
        served.append(counter.next())
        counter.done(delivered(refused="No browser shows it."))
    assert served == rounds * [LookUp(number) for number in numbers.values()]


@pytest.mark.parametrize(
    ("result", "why", "kind"),
    [
        (delivered(refused="No browser shows it.", by_server=True), "No browser shows", Refused),
        (delivered(kind=DeliveryKind.STOPPED, problem="It was revoked."), "revoked", Refused),
        (delivered(refused="The server did not answer."), "did not answer", Goodbye),
        (delivered(kind=DeliveryKind.LATER, problem="It ended."), "It ended.", Goodbye),
        (delivered(), "said nothing", Goodbye),
    ],
)
def test_what_did_not_work_is_told_as_the_servers_refusal_only_where_it_is(
    come: Callable[..., Person], counter: Counter, result: Delivery, why: str, kind: type[Any]
) -> None:
    person = come(ANA, Typed("47182936"))
    counter.next()
    counter.done(result)
    assert type(person.last) is kind
    assert why in person.last.reason
    assert person.is_closed


@pytest.mark.parametrize("by_server", [True, False])
def test_a_reason_is_told_whole(
    come: Callable[..., Person], counter: Counter, by_server: bool
) -> None:
    server = "passmuster.laptops.it.a-rather-long-name.example.com"
    reason = f"Hostname mismatch, certificate is not valid for '{server}'."
    why = words.NOT_PROVEN.format(server=f"https://{server}:8443", reason=reason)
    person = come(ANA, Typed("47182936"))
    counter.next()
    counter.done(delivered(refused=why, by_server=by_server))
    assert person.last.reason == why


def test_whoever_leaves_or_takes_too_long_is_let_go(
    come: Callable[..., Person], counter: Counter, clock: Clock
) -> None:
    person = come(ANA, Typed("47182936"))
    counter.next()
    person.is_gone = True
    counter.read()
    counter.done(delivered(asking=ASKING))
    assert person.told == []
    slow = come()
    clock.at += LIFETIME_S
    counter.read()
    assert (slow.is_closed, slow.last.reason) == (True, "That took too long.")


def test_a_few_at_a_time(come: Callable[..., Person]) -> None:
    assert not any(come().is_closed for _ in range(MOST_TALKS))
    assert come().is_closed
    assert not come(BEN).is_closed


def test_what_is_no_message_ends_it(come: Callable[..., Person]) -> None:
    assert Changed in FROM_COMPANION.values()
    assert come(ANA, Changed()).is_closed
