"""The whole reading: sources, reasons and what is left out."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.screen_lock import SIGNAL
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from tests.support.people import LOGIN, MANAGER, gnome, gsettings, machine, session
from tests.support.recorded_host import RecordedHost


def read(recorded: dict[str, Any]) -> Reading:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    return reading


def outcome(reading: Reading) -> Outcome:
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome


def sessions(reading: Reading) -> tuple[LockSession, ...]:
    return codec.decode(ScreenLockFacts, reading.facts).sessions


def test_sources_name_no_person() -> None:
    reading = read(machine(session("2", desktop="KDE")))
    names = [source.name for source in reading.sources]
    assert "~/.config/kscreenlockerrc" in names
    assert not [name for name in names if "worker1000" in name]


def test_the_sources_tell_how_each_one_answered() -> None:
    files = {"/home/worker1000/.config/kscreenlockerrc": {"error": "denied"}}
    reading = read(machine(session("2", desktop="KDE"), files=files))
    answered = {source.name: source.outcome for source in reading.sources}
    assert answered["~/.config/kscreenlockerrc"] is SourceOutcome.DENIED
    assert answered["/etc/xdg/kscreenlockerrc"] is SourceOutcome.MISSING
    assert answered[f"{LOGIN} {LOGIN}.Manager.ListSessions"] is SourceOutcome.READ


@pytest.mark.parametrize("error", ["denied", "timeout", "conflict"])
def test_one_unreadable_session_keeps_the_others_from_passing(error: str) -> None:
    recorded = machine(
        session("2"),
        session("5", 1001, desktop="KDE"),
        programs=gsettings(1000, gnome()),
        files={"/home/worker1001/.config/kscreenlockerrc": {"error": error}},
    )
    reading = read(recorded)
    assert reading.status is Status.UNAVAILABLE
    assert [each.lock_after_s for each in sessions(reading)] == [300, UNKNOWN]
    assert outcome(reading) is Outcome.UNKNOWN
    assert reading.reason


def test_a_session_that_logind_hides_keeps_the_others_from_passing() -> None:
    recorded = machine(session("2"), session("5", 1001), programs=gsettings(1000, gnome()))
    recorded["bus"][f"system {LOGIN} {MANAGER}/session/_5"] = {"error": "denied"}
    reading = read(recorded)
    assert [each.lock_after_s for each in sessions(reading)] == [300]
    assert outcome(reading) is Outcome.UNKNOWN


def test_an_owner_without_an_account_is_unread() -> None:
    recorded = machine(session("2"), programs=gsettings(1000, gnome()))
    recorded["accounts"] = []
    assert outcome(read(recorded)) is Outcome.UNKNOWN


def test_more_sessions_than_are_looked_at_are_no_pass() -> None:
    many = [session(str(number), 1000 + number, desktop="KDE") for number in range(40)]
    reading = read(machine(*many))
    assert len(sessions(reading)) == 32
    assert outcome(reading) is Outcome.UNKNOWN


def test_a_started_desktop_that_cannot_be_told_from_a_terminal_is_no_pass() -> None:
    recorded = machine(
        session("3", kind="tty", desktop="", service="login"),
        refuse={"processes": {"error": "denied"}},
    )
    reading = read(recorded)
    assert reading.status is Status.UNAVAILABLE
    assert outcome(reading) is Outcome.UNKNOWN


def test_without_logind_nothing_passes_and_a_failure_still_counts() -> None:
    state = "UID=1000\nCLASS=user\nSTATE=active\nTYPE=x11\nDESKTOP=KDE\n"
    recorded = machine(session("2", desktop="KDE"), files={"/run/systemd/sessions/2": state})
    del recorded["bus"][f"system {LOGIN} {MANAGER}"]
    assert outcome(read(recorded)) is Outcome.UNKNOWN
    own = "/home/worker1000/.config/kscreenlockerrc"
    recorded["files"][own] = "[Daemon]\nAutolock=false\n"
    assert outcome(read(recorded)) is Outcome.FAIL


def test_without_logind_an_empty_folder_is_not_nobody() -> None:
    reading = read({"directories": {"/run/systemd/sessions": []}})
    assert reading.status is Status.UNAVAILABLE
    assert outcome(reading) is Outcome.UNKNOWN


REFUSALS = ["denied", "missing", "timeout", "conflict"]


@pytest.mark.parametrize("error", REFUSALS)
@pytest.mark.parametrize("desktop", ["gnome", "KDE"])
def test_no_single_refusal_turns_into_a_pass(desktop: str, error: str) -> None:
    """Every place that decides is refused once; files that may be absent are exempt from that."""
    files = {"/home/worker1000/.config/kscreenlockerrc": "[Daemon]\nTimeout=5\n"}
    recorded = machine(
        session("2", desktop=desktop), files=files, programs=gsettings(1000, gnome())
    )
    assert outcome(read(recorded)) is Outcome.PASS
    for section in ("bus", "files", "programs"):
        for place in recorded[section]:
            if error == "missing" and section == "files":
                continue
            refused = {**recorded, section: {**recorded[section], place: {"error": error}}}
            reading = read(refused)
            if outcome(reading) is Outcome.PASS:
                assert reading.facts == read(recorded).facts, f"{place} {error}"
