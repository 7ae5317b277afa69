"""What a desktop does with a laptop left alone, where only its companion can see that."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, SourceOutcome
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.idle_logoff import SIGNAL, linux
from passmuster_collectors.signals.idle_logoff.facts import IdleLogoffFacts, Kind
from passmuster_collectors.signals.screen_lock import linux as screen_lock
from tests.support.people import home_of, machine, session
from tests.support.recorded_host import RecordedHost

SERVICE = 990
FILES = {
    f"{home_of(1000)}/.config/kscreenlockerrc": "[Daemon]\nAutolock=false\n",
    f"{home_of(1000)}/.config/powermanagementprofilesrc": "".join(
        f"[{profile}][SuspendSession]\nidleTime=600000\nsuspendType=1\n"
        for profile in ("AC", "Battery", "LowBattery")
    ),
}


def laptop(said: Any, *, uid: int = SERVICE) -> dict[str, Any]:
    closed = {home_of(1000): {"error": "denied"}} if uid == SERVICE else {}
    files = None if uid == SERVICE else FILES
    told = {} if said is None else {"1000": said}
    described = session("2", desktop="KDE")
    return machine(described, uid=uid, files=files, directories=closed, companions=told)


def all_that_is_said() -> dict[str, Any]:
    inside = RecordedHost(laptop(None, uid=1000))
    return {"screen_lock": screen_lock.testify(inside), "idle_logoff": linux.testify(inside)}


def read(recorded: dict[str, Any]) -> Reading:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    return reading


def mechanisms(reading: Reading) -> list[tuple[Kind, object]]:
    found = codec.decode(IdleLogoffFacts, reading.facts).mechanisms
    return [(each.kind, each.after_s) for each in found]


def outcome(reading: Reading) -> Outcome:
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome


def test_the_companion_tells_what_the_daemon_cannot_see() -> None:
    assert outcome(read(laptop(None))) is Outcome.UNKNOWN
    reading = read(laptop(all_that_is_said()))
    assert mechanisms(reading) == [(Kind.LOCK, None), (Kind.SUSPEND_AND_LOCK, 600)]
    assert outcome(reading) is Outcome.PASS


def test_a_companion_that_claims_otherwise_is_not_believed() -> None:
    said = all_that_is_said()
    said["idle_logoff"]["sessions"][0]["after_s"] = 60
    reading = read(laptop(said, uid=0))
    assert mechanisms(reading) == [(Kind.LOCK, None), (Kind.SUSPEND_AND_LOCK, UNKNOWN)]
    assert SourceOutcome.CONFLICT in {source.outcome for source in reading.sources}
    assert outcome(reading) is Outcome.UNKNOWN


@pytest.mark.parametrize("garbage", [None, {"sessions": [{"session": "2", "kind": "magic"}]}])
def test_garbage_fills_nothing(garbage: Any) -> None:
    assert outcome(read(laptop({**all_that_is_said(), "idle_logoff": garbage}))) is Outcome.UNKNOWN
