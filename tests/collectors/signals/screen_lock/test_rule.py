"""Which screen locks are good enough."""

from string import Formatter
from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import ok, unavailable
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.screen_lock import SIGNAL
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.screen_lock.problems import PROBLEMS
from passmuster_collectors.signals.screen_lock.rule import (
    FAMILIES,
    Problem,
    ScreenLockLimits,
    judge,
)
from passmuster_collectors.signals.signal import worst
from tests.support.recorded_host import RecordedHost

AT = RecordedHost({}).now()


def locked_after(seconds: Any, desktop: str = "gnome", *, inhibited: Any = False) -> LockSession:
    return LockSession(desktop, seconds, 0, enforced=False, locked=False, inhibited=inhibited)


def outcome(*sessions: LockSession, limits: ScreenLockLimits | None = None) -> Outcome:
    found = judge(ScreenLockFacts(sessions), limits or ScreenLockLimits())
    return worst(each.outcome for each in found)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, Outcome.PASS),
        (600, Outcome.PASS),
        (601, Outcome.FAIL),
        (None, Outcome.FAIL),
        (UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_ten_minutes_is_the_limit(seconds: Any, expected: Outcome) -> None:
    assert outcome(locked_after(seconds)) is expected


def test_the_limit_is_policy() -> None:
    assert outcome(locked_after(900), limits=ScreenLockLimits(900)) is Outcome.PASS
    assert outcome(locked_after(300), limits=ScreenLockLimits(120)) is Outcome.FAIL


def test_every_session_counts_not_only_the_one_in_front() -> None:
    assert outcome(locked_after(300), locked_after(None)) is Outcome.FAIL
    assert outcome(locked_after(300), locked_after(UNKNOWN)) is Outcome.UNKNOWN


def test_a_certain_failure_outweighs_an_unknown() -> None:
    assert outcome(locked_after(UNKNOWN), locked_after(None)) is Outcome.FAIL


def test_no_session_told_is_no_pass() -> None:
    assert outcome() is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("inhibited", "forbid", "expected"),
    [
        (True, False, Outcome.PASS),
        (True, True, Outcome.FAIL),
        (False, True, Outcome.PASS),
        (UNKNOWN, True, Outcome.PASS),
    ],
)
def test_holding_the_lock_off_fails_only_where_policy_says_so(
    inhibited: Any, forbid: bool, expected: Outcome
) -> None:
    limits = ScreenLockLimits(forbid_inhibitors=forbid)
    assert outcome(locked_after(300, inhibited=inhibited), limits=limits) is expected


@pytest.mark.parametrize("seconds", [None, 1800])
@pytest.mark.parametrize("desktop", [*FAMILIES, "macos", "windows", "deepin"])
def test_a_failure_comes_with_steps_for_that_very_desktop(desktop: str, seconds: Any) -> None:
    platform = {"macos": Platform.MACOS, "windows": Platform.WINDOWS}.get(desktop, Platform.LINUX)
    (found,) = judge(ScreenLockFacts((locked_after(seconds, desktop),)), ScreenLockLimits())
    remedy = SIGNAL.remedy(found, platform)
    assert remedy is not None
    assert any("9 minutes" in step for step in remedy.steps)
    assert FAMILIES.get(desktop, "locks") in found.problem


def test_kde_is_told_a_time_that_passes_with_its_grace() -> None:
    (found,) = judge(ScreenLockFacts((locked_after(605, "kde"),)), ScreenLockLimits())
    assert found.details["minutes"] == "9"
    assert found.details["found"] == "10 minutes 5 seconds"


def test_what_could_not_be_read_is_never_a_pass() -> None:
    facts = ScreenLockFacts((locked_after(300),))
    incomplete = unavailable("screen_lock", AT, "One session is hidden.", (), facts)
    assert SIGNAL.judge(incomplete, ScreenLockLimits()).outcome is Outcome.UNKNOWN
    assert (
        SIGNAL.judge(ok("screen_lock", AT, facts, ()), ScreenLockLimits()).outcome is Outcome.PASS
    )


def test_a_failure_counts_even_when_the_rest_is_unread() -> None:
    facts = ScreenLockFacts((locked_after(None),))
    incomplete = unavailable("screen_lock", AT, "One session is hidden.", (), facts)
    assert SIGNAL.judge(incomplete, ScreenLockLimits()).outcome is Outcome.FAIL


def test_every_problem_has_words_that_its_details_fill() -> None:
    assert set(PROBLEMS) == {each.value for each in Problem}
    details = {"desktop", "limit", "minutes", "found", "reason"}
    for key, text in PROBLEMS.items():
        steps = [step for remedy in text.remedy.values() for step in remedy.steps]
        for template in (text.worker, text.admin, *steps):
            named = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
            assert named <= details, f"{key} asks for {named - details}"
