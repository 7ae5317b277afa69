"""What real PCs keep in their registry and power schemes, set on a machine and read from it.

The recordings are texts that tools printed. The reader asks for the numbers themselves, so each
text is turned into those first. Limits are the recordings' own: 900 seconds.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from passmuster_collectors.runner import collect
from passmuster_collectors.signals.screen_lock import SIGNAL
from passmuster_collectors.signals.screen_lock.rule import ScreenLockLimits
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case
from tests.support.registry_text import power_setting, registry
from tests.support.windows_machines import DISPLAY_OFF, PASSWORD_ON_WAKE, SID, SLEEP, machine

LIMITS = ScreenLockLimits(lock_within_s=900)
ROOM = "windows/screen_lock"


def outcome(recorded: Mapping[str, Any]) -> tuple[str, Any]:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    assert reading.facts is not None
    (session,) = reading.facts["sessions"]
    return str(SIGNAL.judge(reading, LIMITS).outcome), session["lock_after_s"]


@pytest.mark.parametrize(
    ("name", "after_s"),
    [
        ("reg_inactivitytimeoutsecs_0", None),
        ("reg_inactivitytimeoutsecs_12c", 300),
        ("reg_inactivitytimeoutsecs_384", 900),
        ("reg_inactivitytimeoutsecs_69", 105),
        ("reg_user_screensaver_active_but_no_exe", None),
        ("reg_user_screensaver_not_secure", None),
    ],
)
def test_the_registry_of_a_real_pc_is_read(name: str, after_s: int | None) -> None:
    case = recorded_case(f"{ROOM}/{name}")
    assert outcome(machine(registry(case.text, SID))) == (case.outcome, after_s)


def test_a_policy_that_is_not_set_leaves_it_to_the_other_settings() -> None:
    case = recorded_case(f"{ROOM}/reg_inactivitytimeoutsecs_missing")
    assert registry(case.text, SID) == {}
    assert case.facts == {"machine_inactivity_seconds": None}
    assert outcome(machine())[0] == "fail", "where nothing else locks either"


def test_a_delay_of_zero_counts_from_the_dark_screen() -> None:
    case = recorded_case(f"{ROOM}/reg_delaylockinterval_0")
    display = {DISPLAY_OFF: {"ac": 300, "dc": 180}}
    assert outcome(machine(registry(case.text, SID), display)) == (case.outcome, 300)


def test_a_display_that_goes_off_is_not_known_to_lock() -> None:
    case = recorded_case(f"{ROOM}/powercfg_videoidle_fr")
    setting = power_setting(case.text)
    assert setting == {DISPLAY_OFF: {"ac": 300, "dc": 180}}
    assert outcome(machine(power=setting)) == (case.outcome, "unknown")


def test_a_display_that_stays_on_at_the_mains_never_locks() -> None:
    case = recorded_case(f"{ROOM}/powercfg_videoidle_sl_never_ac")
    setting = power_setting(case.text)
    assert setting == {DISPLAY_OFF: {"ac": 0, "dc": 3600}}
    assert outcome(machine(power=setting)) == (case.outcome, None)


def test_a_password_on_wake_locks_when_the_computer_sleeps() -> None:
    case = recorded_case(f"{ROOM}/powercfg_consolelock_on")
    setting = power_setting(case.text)
    assert setting == {PASSWORD_ON_WAKE: {"ac": 1, "dc": 1}}
    asleep = {SLEEP: {"ac": 600, "dc": 300}}
    assert outcome(machine(power={**setting, **asleep}, modern_standby=False)) == (
        case.outcome,
        600,
    )


def test_a_password_on_wake_that_is_hidden_is_not_taken_for_one_that_is_asked() -> None:
    case = recorded_case(f"{ROOM}/powercfg_consolelock_hidden_modern_standby")
    assert power_setting(case.text) == {}
    display = {DISPLAY_OFF: {"ac": 300, "dc": 180}}
    assert outcome(machine(power=display)) == (case.outcome, "unknown")
