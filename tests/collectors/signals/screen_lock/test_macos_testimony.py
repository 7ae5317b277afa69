"""What a companion's word counts for on a Mac: it fills, and it never wins."""

import json
from typing import Any

import pytest

from passmuster_collectors.contract.reading import Reading, SourceOutcome, Status
from passmuster_collectors.host.base import SourceDeniedError
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import idle_logoff, screen_lock
from passmuster_collectors.signals.screen_lock.macos import testimony
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

MACHINE = REPOSITORY / "tests" / "recordings" / "macos" / "lock_at_once" / "machine.json"
GRACE = "501:SYSADMINCTL -screenLock status"
IDLE = "501:DEFAULTS -currentHost read com.apple.screensaver idleTime"
READ = {
    IDLE: {"stdout": "300\n"},
    GRACE: {"stderr": "screenLock delay is immediate\n"},
    "PMSET -g custom": {"stdout": "AC Power:\n displaysleep 0\n"},
}
REFUSED: dict[str, Any] = {IDLE: {"error": "denied"}, GRACE: {"error": "denied"}}
TRUTH = {"idle_s": 300, "grace_s": 0}


def mac(programs: dict[str, Any], said: Any = None) -> dict[str, Any]:
    machine: dict[str, Any] = json.loads(MACHINE.read_text(encoding="utf-8"))
    machine["programs"].update(READ, **programs)
    if said is not None:
        machine["companions"] = {"501": said}
    return machine


def read(programs: dict[str, Any], said: Any = None) -> Reading:
    told = said if said is None or "error" in said else {"screen_lock": said}
    (reading,) = collect(RecordedHost(mac(programs, told)), [screen_lock.SIGNAL])
    return reading


def lock_after(reading: Reading) -> Any:
    assert reading.facts is not None
    (session,) = reading.facts["sessions"]
    return session["lock_after_s"]


def told(reading: Reading) -> dict[str, SourceOutcome]:
    return {each.name: each.outcome for each in reading.sources}


def test_without_one_all_that_root_reads_is_enough() -> None:
    reading = read({})
    assert lock_after(reading) == 300
    assert "companion" not in told(reading), "nobody is missed"


def test_what_root_was_refused_is_filled() -> None:
    assert lock_after(read(REFUSED)) == "unknown"
    reading = read(REFUSED, TRUTH)
    assert reading.status is Status.OK
    assert lock_after(reading) == 300
    assert told(reading)["companion"] is SourceOutcome.READ


@pytest.mark.parametrize(
    "said",
    [
        {"idle_s": 60, "grace_s": 0},
        {"idle_s": 300, "grace_s": 5},
        {"idle_s": 300, "grace_s": None},
    ],
)
def test_where_the_two_differ_nobody_is_believed(said: dict[str, Any]) -> None:
    reading = read({}, said)
    assert lock_after(reading) == "unknown"
    assert told(reading)["companion"] is SourceOutcome.CONFLICT


def test_it_can_t_settle_what_contradicts_itself() -> None:
    reading = read({GRACE: {"stderr": "screenLock delay is whatever\n"}}, TRUTH)
    assert lock_after(reading) == "unknown"


@pytest.mark.parametrize(
    "said",
    [
        {"idle_s": "unknown", "grace_s": "unknown"},
        {"idle_s": 300},
        {"idle_s": 300, "grace_s": 0, "managed": True},
        {"idle_s": "soon", "grace_s": 0},
        {"error": "timeout"},
    ],
)
def test_a_word_that_says_nothing_fills_nothing(said: dict[str, Any]) -> None:
    assert lock_after(read(REFUSED, said)) == "unknown"


def test_it_does_not_speak_for_it() -> None:
    own = "/Library/Managed Preferences/alex/com.apple.screensaver.plist"
    machine = mac({}, {"screen_lock": TRUTH})
    machine.setdefault("files", {})[own] = {"plist": {"idleTime": 7200}}
    (reading,) = collect(RecordedHost(machine), [screen_lock.SIGNAL])
    assert lock_after(reading) == 7200, "what is managed counts, whatever the person set"


def test_idle_logoff_hears_the_same_word() -> None:
    machine = mac(REFUSED, {"screen_lock": TRUTH})
    (reading,) = collect(RecordedHost(machine), [idle_logoff.SIGNAL])
    assert reading.facts is not None
    assert reading.facts["mechanisms"][0]["after_s"] == 300


def test_it_tells_what_its_own_session_knows_and_that_it_may_not_know() -> None:
    machine = mac({}) | {"uid": 501}
    said = testimony.testify(RecordedHost(machine))
    assert (said.idle_s, said.grace_s) == (300, 0)
    with pytest.raises(SourceDeniedError):
        testimony.testify(RecordedHost(mac(REFUSED) | {"uid": 501}))
