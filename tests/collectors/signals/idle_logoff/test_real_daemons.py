"""logind's idle settings from a real bus, through this machine's own host."""

import os
from collections.abc import Mapping

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.idle_logoff import SIGNAL
from passmuster_collectors.signals.idle_logoff.facts import Coverage, IdleLogoffFacts, Kind
from passmuster_collectors.signals.screen_lock.linux.sessions import is_person
from tests.support.message_bus import MessageBus, Mocked, Variant
from tests.support.tools import missing

MANAGER = "org.freedesktop.login1.Manager"
SESSION = "org.freedesktop.login1.Session"
PATH = "/org/freedesktop/login1/session/7"
NEVER = 2**64 - 1


@pytest.fixture
def logind(system_bus: MessageBus) -> Mocked:
    """A logind with one remote session, without a desktop."""
    if not is_person(os.getuid()):
        missing("a user who is a person; this one is a service")
    found = system_bus.logind()
    found.mock("AddSeat", "s", "seat0")
    found.mock("AddSession", "ssusb", "7", "seat0", os.getuid(), "someone", True)
    for name, value in {"Type": Variant("s", "tty"), "Remote": Variant("b", value=True)}.items():
        found.set(SESSION, name, value, path=PATH)
    return found


def tell(logind: Mocked, **properties: Variant) -> None:
    for name, value in properties.items():
        logind.set(MANAGER, name, value)


def read() -> Reading:
    (reading,) = collect(LinuxHost(b"a key for this test"), [SIGNAL])
    return reading


def stops(reading: Reading) -> Mapping[Coverage, object]:
    facts = codec.decode(IdleLogoffFacts, reading.facts)
    return {
        each.covers: each.after_s for each in facts.mechanisms if each.kind is Kind.SESSION_STOP
    }


def outcome(reading: Reading) -> Outcome:
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome


def test_a_remote_session_that_logind_stops_in_time_passes(logind: Mocked) -> None:
    stop = (MANAGER, "StopIdleSessionUSec", ("t", 600_000_000))
    logind.mock("AddProperty", "ssv", *stop)
    reading = read()
    assert stops(reading) == {Coverage.REMOTE: 600}
    assert outcome(reading) is Outcome.PASS


def test_one_that_logind_stops_too_late_does_not(logind: Mocked) -> None:
    logind.mock("AddProperty", "ssv", MANAGER, "StopIdleSessionUSec", ("t", 7_200_000_000))
    assert outcome(read()) is not Outcome.PASS


def test_infinity_is_never(logind: Mocked) -> None:
    logind.mock("AddProperty", "ssv", MANAGER, "StopIdleSessionUSec", ("t", NEVER))
    assert stops(read()) == {}


def test_ignoring_idleness_does_nothing_however_soon(logind: Mocked) -> None:
    tell(logind, IdleAction=Variant("s", "ignore"), IdleActionUSec=Variant("t", 60_000_000))
    reading = read()
    assert stops(reading) == {}
    assert outcome(reading) is not Outcome.PASS


def test_powering_off_ends_a_remote_session_too(logind: Mocked) -> None:
    tell(logind, IdleAction=Variant("s", "poweroff"), IdleActionUSec=Variant("t", 300_000_000))
    assert outcome(read()) is Outcome.PASS


def test_nobody_logged_in_is_not_applicable(logind: Mocked) -> None:
    logind.set(SESSION, "State", Variant("s", "closing"), path=PATH)
    assert read().status is Status.NOT_APPLICABLE


@pytest.mark.usefixtures("system_bus")
def test_a_bus_without_logind_is_not_nobody() -> None:
    reading = read()
    assert reading.status is Status.UNAVAILABLE
    assert outcome(reading) is Outcome.UNKNOWN
