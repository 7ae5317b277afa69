"""Which systems are current enough."""

import dataclasses
from datetime import date
from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.system_updates.facts import SystemUpdatesFacts
from passmuster_collectors.signals.system_updates.rule import (
    Problem,
    SystemUpdatesLimits,
    judge,
)
from passmuster_collectors.signals.system_updates.support import SUPPORT_ENDS, support_end

CURRENT = SystemUpdatesFacts("debian", "12", None, "2026-03", 0, 0, restart_needed=False)
DEFAULT = SystemUpdatesLimits()


def problems(limits: SystemUpdatesLimits = DEFAULT, **changes: Any) -> dict[str, Outcome]:
    facts = dataclasses.replace(CURRENT, **changes)
    return {found.problem: found.outcome for found in judge(facts, limits)}


def test_a_current_system_passes() -> None:
    assert problems() == {}


def test_waiting_security_updates_fail_beyond_the_number_that_is_allowed() -> None:
    assert problems(security_updates=1) == {Problem.PENDING: Outcome.FAIL}
    assert problems(SystemUpdatesLimits(pending_at_most=3), security_updates=3) == {}
    assert problems(SystemUpdatesLimits(pending_at_most=3), security_updates=4)


def test_a_system_that_keeps_no_count_is_unknown_unless_policy_allows_it() -> None:
    uncounted: dict[str, Any] = {"security_updates": None, "weeks_since_check": None}
    assert problems(**uncounted) == {Problem.UNCOUNTED: Outcome.UNKNOWN}
    assert problems(SystemUpdatesLimits(allow_uncounted=True), **uncounted) == {}


def test_a_count_that_could_not_be_read_is_unknown_whatever_policy_allows() -> None:
    limits = SystemUpdatesLimits(allow_uncounted=True)
    assert problems(limits, security_updates=UNKNOWN) == {Problem.UNCLEAR: Outcome.UNKNOWN}


@pytest.mark.parametrize(("weeks", "passes"), [(0, True), (4, True), (5, False)])
def test_the_list_of_updates_may_be_four_weeks_old(weeks: int, passes: bool) -> None:
    assert (problems(weeks_since_check=weeks) == {}) is passes


def test_a_restart_that_is_due_fails_unless_policy_allows_it() -> None:
    assert problems(restart_needed=True) == {Problem.RESTART: Outcome.FAIL}
    assert problems(SystemUpdatesLimits(allow_restart=True), restart_needed=True) == {}
    assert problems(restart_needed=UNKNOWN) == {Problem.UNCLEAR: Outcome.UNKNOWN}


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        ("2028-05", {}),
        ("2028-06", {}),
        ("2028-07", {Problem.NOT_SUPPORTED: Outcome.FAIL}),
        ("2031-01", {Problem.NOT_SUPPORTED: Outcome.FAIL}),
    ],
)
def test_support_lasts_to_the_end_of_the_month_in_which_it_ends(
    month: str, expected: dict[str, Outcome]
) -> None:
    assert problems(month=month) == expected


def test_the_day_that_the_system_names_wins() -> None:
    assert problems(support_end="2026-02-28") == {Problem.NOT_SUPPORTED: Outcome.FAIL}
    assert problems(system="debian", version="10", support_end="2029-06-30") == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"system": "homebrewed"},
        {"version": "99"},
        {"version": ""},
        {"month": "March"},
        {"version": "99", "support_end": "soon"},
    ],
)
def test_an_end_of_support_that_nobody_knows_is_unknown(changes: dict[str, Any]) -> None:
    assert problems(**changes) == {Problem.SUPPORT_UNKNOWN: Outcome.UNKNOWN}


@pytest.mark.parametrize("supported", ["ubuntu 20.04", "Ubuntu", "UBUNTU 20.04"])
def test_it_can_vouch_for_a_version_or_for_a_system(supported: str) -> None:
    old: dict[str, Any] = {"system": "ubuntu", "version": "20.04"}
    assert problems(**old) == {Problem.NOT_SUPPORTED: Outcome.FAIL}
    assert problems(SystemUpdatesLimits(supported=(supported,)), **old) == {}
    other = SystemUpdatesLimits(supported=("ubuntu 18.04", "ubuntu 20"))
    assert problems(other, **old) == {Problem.NOT_SUPPORTED: Outcome.FAIL}


def test_a_system_that_is_renewed_all_the_time_has_no_end_of_support() -> None:
    assert problems(system="arch", version="") == {}


def test_a_minor_version_has_the_support_of_its_major_one() -> None:
    assert support_end("macos", "15.3.1") == SUPPORT_ENDS["macos"]["15"]
    assert support_end("linuxmint", "21.3") == SUPPORT_ENDS["linuxmint"]["21"]
    assert support_end("ubuntu", "24.10") == date(2025, 7, 10)
    assert support_end("ubuntu", "24") is None


def test_later_versions_of_a_system_are_supported_longer_where_they_are_of_one_kind() -> None:
    for system in ("debian", "linuxmint", "macos"):
        days = list(SUPPORT_ENDS[system].values())
        assert days == sorted(days), system
