"""What Macs say of their screen lock, as recorded outputs show it."""

import json
from typing import Any

import pytest

from passmuster_collectors.contract.reading import Status
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.screen_lock import SIGNAL
from passmuster_collectors.signals.screen_lock.macos.console import parse_console
from passmuster_collectors.signals.screen_lock.macos.managed import parse_managed
from passmuster_collectors.signals.screen_lock.macos.settings import (
    parse_display_sleep,
    parse_grace,
    parse_number,
)
from passmuster_collectors.text import plist
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case
from tests.support.tools import REPOSITORY

MACHINE = REPOSITORY / "tests" / "recordings" / "macos" / "lock_at_once" / "machine.json"
GRACE = "501:SYSADMINCTL -screenLock status"
IDLE = "501:DEFAULTS -currentHost read com.apple.screensaver idleTime"
DISPLAY_SLEEP = "PMSET -g custom"
SHORT = {
    IDLE: {"stdout": "300\n"},
    DISPLAY_SLEEP: {"stdout": "AC Power:\n displaysleep 5\n"},
    GRACE: {"stderr": "screenLock delay is immediate\n"},
}


def judged(**changes: Any) -> tuple[dict[str, Any], str, Status]:
    """Return facts, outcome and status of a Mac with a short lock, but for `changes`."""
    machine = json.loads(MACHINE.read_text(encoding="utf-8"))
    machine["programs"].update(SHORT)
    for section, values in changes.items():
        machine.setdefault(section, {}).update(values)
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    assert reading.facts is not None, reading.reason
    (session,) = reading.facts["sessions"]
    return session, SIGNAL.judge(reading, SIGNAL.limits()).outcome, reading.status


@pytest.mark.parametrize(
    "name",
    [
        "sysadminctl_5_seconds",
        "sysadminctl_300_seconds",
        "sysadminctl_28800_seconds",
        "sysadminctl_minus_one",
    ],
)
def test_the_grace_is_read_and_added(name: str) -> None:
    case = recorded_case(f"macos/screen_lock/{name}")
    assert parse_grace(case.content) == case.facts["grace_seconds"]
    session, outcome, _ = judged(programs={GRACE: {"stderr": case.text}})
    assert session["grace_s"] == case.facts["grace_seconds"]
    assert outcome == case.outcome
    if case.facts["password_required"]:
        assert session["lock_after_s"] == 300 + session["grace_s"]
    else:
        assert session["lock_after_s"] is None, "without a password there is no lock"


@pytest.mark.parametrize("name", ["defaults_idletime_300", "defaults_idletime_0_never"])
def test_the_screen_savers_time_is_read_and_zero_is_never(name: str) -> None:
    case = recorded_case(f"macos/screen_lock/{name}")
    assert parse_number(Completed(0, case.content, b"")) == case.facts["saver_idle_seconds"]
    no_display_sleep = {"stdout": "AC Power:\n displaysleep 0\n"}
    programs = {IDLE: {"stdout": case.text}, DISPLAY_SLEEP: no_display_sleep}
    session, outcome, _ = judged(programs=programs)
    assert session["lock_after_s"] == (case.facts["saver_idle_seconds"] or None)
    assert outcome == case.outcome


def test_a_desktop_mac_has_mains_power_alone() -> None:
    case = recorded_case("macos/screen_lock/pmset_custom_desktop")
    assert parse_display_sleep(case.content) == {
        "AC Power": case.facts["display_sleep_minutes"]["ac"]
    }
    programs = {IDLE: {"stdout": "0\n"}, DISPLAY_SLEEP: {"stdout": case.text}}
    session, outcome, _ = judged(programs=programs)
    assert session["lock_after_s"] == 600
    assert outcome == case.outcome


def test_a_profile_wins_over_the_persons_own_setting() -> None:
    case = recorded_case("macos/screen_lock/managed_prefs_screensaver_profile")
    assert parse_managed(plist.parse(case.content)).idle_s == case.facts["saver_idle_seconds"]
    path = "/Library/Managed Preferences/alex/com.apple.screensaver.plist"
    programs = {
        IDLE: {"stdout": "9000\n"},
        DISPLAY_SLEEP: {"stdout": "AC Power:\n displaysleep 0\n"},
    }
    session, outcome, _ = judged(programs=programs, files={path: case.text})
    assert session["enforced"] is case.facts["managed"]
    assert session["lock_after_s"] == 600
    assert outcome == case.outcome


def test_the_delay_in_a_profile_counts_only_once_the_session_has_it() -> None:
    case = recorded_case("macos/screen_lock/managed_prefs_screensaver_profile")
    path = "/Library/Managed Preferences/alex/com.apple.screensaver.plist"
    programs = {GRACE: {"stderr": "screenLock delay is 28800 seconds\n"}}
    session, outcome, _ = judged(programs=programs, files={path: case.text})
    assert session["grace_s"] == 28_800
    assert outcome == "fail"


def test_a_session_without_the_key_is_not_locked_now() -> None:
    case = recorded_case("macos/screen_lock/ioreg_console_unlocked_key_absent")
    (session,) = parse_console(plist.parse(case.content))
    assert session.locked is case.facts["locked_now"]
    assert session.uid is None, "the excerpt leaves the number out, so nobody can be asked for it"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("osquery_screenlock_asuser_300", "screenLock delay is 300 seconds"),
        ("osquery_screenlock_asuser_disabled", "screenLock is off"),
    ],
)
def test_the_key_bag_that_another_product_asked_is_asked_by_its_own_program(
    name: str, said: str
) -> None:
    case = recorded_case(f"macos/screen_lock/{name}")
    session, outcome, _ = judged(programs={GRACE: {"stderr": f"{said}\n"}})
    assert session["grace_s"] == case.facts["grace_seconds"]
    assert (session["lock_after_s"] is not None) is case.facts["password_required"]
    assert outcome == case.outcome


def test_root_outside_of_every_session_is_told_nothing_and_that_is_unknown() -> None:
    case = recorded_case("macos/screen_lock/osquery_screenlock_as_root_empty")
    assert json.loads(case.text) == []
    session, outcome, status = judged(programs={GRACE: {"error": "denied"}})
    assert session["lock_after_s"] == "unknown"
    assert (outcome, status) == (case.outcome, Status.UNAVAILABLE)
