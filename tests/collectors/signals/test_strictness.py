"""Every limit says which way is stricter."""

from typing import Any

import pytest

from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.screen_lock.rule import ScreenLockLimits
from passmuster_collectors.signals.signal import Signal
from passmuster_collectors.signals.strictness import (
    Stricter,
    Weaker,
    directions,
    is_as_strict,
    weaker_limits,
)


@pytest.mark.parametrize("signal", CATALOG, ids=lambda signal: signal.id)
def test_every_limit_of_every_signal_says_what_is_stricter(signal: Signal[Any, Any]) -> None:
    directions(signal.limits)


@pytest.mark.parametrize(
    ("direction", "weak", "strict"),
    [
        (Stricter.LOWER, 600, 599),
        (Stricter.YES, False, True),
        (Stricter.NO, True, False),
        (Stricter.MORE, ("a",), ("b", "a")),
        (Stricter.FEWER, ("a", "b"), ("b",)),
        (Stricter.EARLIER, KeyTier.FILE, KeyTier.HARDWARE),
    ],
)
def test_a_value_is_as_strict_as_itself_and_as_a_weaker_one(
    direction: Stricter, weak: Any, strict: Any
) -> None:
    assert is_as_strict(direction, weak, strict)
    assert is_as_strict(direction, strict, strict)
    assert not is_as_strict(direction, strict, weak)


def test_lists_of_which_neither_holds_the_other_are_not_as_strict() -> None:
    for direction in (Stricter.MORE, Stricter.FEWER):
        assert not is_as_strict(direction, ("a", "b"), ("b", "c"))


def test_a_weaker_limit_is_named_with_both_values() -> None:
    found = weaker_limits(ScreenLockLimits(600), ScreenLockLimits(900, forbid_inhibitors=True))
    assert list(found) == [Weaker("lock_within_s", 600, 900)]
