"""When a session that is left alone stops being usable soon enough."""

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.idle_logoff.rule import IdleLogoffLimits, judge
from passmuster_collectors.signals.signal import worst


def mechanism(
    after_s: int | Unknown | None, covers: Coverage = Coverage.GRAPHICAL, kind: Kind = Kind.LOCK
) -> Mechanism:
    return Mechanism(kind, after_s, covers, enforced=False)


def outcome(*mechanisms: Mechanism) -> Outcome:
    return worst(each.outcome for each in judge(IdleLogoffFacts(mechanisms), IdleLogoffLimits()))


@pytest.mark.parametrize(
    ("after_s", "expected"),
    [
        (60, Outcome.PASS),
        (900, Outcome.PASS),
        (901, Outcome.FAIL),
        (None, Outcome.FAIL),
        (UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_a_session_must_be_locked_or_ended_within_fifteen_minutes(
    after_s: int | Unknown | None, expected: Outcome
) -> None:
    assert outcome(mechanism(after_s)) is expected


def test_one_certain_mechanism_in_time_is_enough() -> None:
    assert outcome(mechanism(None), mechanism(600, kind=Kind.SESSION_STOP)) is Outcome.PASS
    assert outcome(mechanism(UNKNOWN), mechanism(600, kind=Kind.SESSION_STOP)) is Outcome.PASS


def test_an_unknown_mechanism_that_might_suffice_is_neither_a_pass_nor_a_fail() -> None:
    assert outcome(mechanism(None), mechanism(UNKNOWN)) is Outcome.UNKNOWN
    assert outcome(mechanism(7200), mechanism(UNKNOWN)) is Outcome.UNKNOWN


def test_what_covers_the_desktop_does_not_cover_the_console() -> None:
    console = mechanism(None, Coverage.TERMINAL, Kind.SHELL_TIMEOUT)
    assert outcome(mechanism(300), console) is Outcome.FAIL


def test_facts_that_list_nothing_are_never_a_pass() -> None:
    assert outcome() is Outcome.UNKNOWN


class TestWhereASessionHasToEnd:
    @pytest.mark.parametrize(
        ("mechanisms", "expected"),
        [
            ((mechanism(60),), Outcome.FAIL),
            ((mechanism(60, kind=Kind.SUSPEND_AND_LOCK),), Outcome.FAIL),
            ((mechanism(60), mechanism(900, kind=Kind.LOGOUT)), Outcome.PASS),
            ((mechanism(60), mechanism(901, kind=Kind.LOGOUT)), Outcome.FAIL),
            ((mechanism(60), mechanism(UNKNOWN, kind=Kind.LOGOUT)), Outcome.UNKNOWN),
            ((mechanism(900, Coverage.REMOTE, Kind.REMOTE_SESSION_LIMIT),), Outcome.PASS),
            ((mechanism(60, Coverage.REMOTE),), Outcome.FAIL),
        ],
    )
    def test_a_lock_is_not_enough(
        self, mechanisms: tuple[Mechanism, ...], expected: Outcome
    ) -> None:
        limits = IdleLogoffLimits(require_end=True)
        found = judge(IdleLogoffFacts(mechanisms), limits)
        assert worst(each.outcome for each in found) is expected
