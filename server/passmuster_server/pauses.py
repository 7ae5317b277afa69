"""How long to wait after a failure, before the next try."""

import random
from collections.abc import Callable
from datetime import timedelta

_ENOUGH = 16


def pause_after(
    failures: int, first_s: float, longest_s: float, chance: Callable[[], float] = random.random
) -> timedelta:
    """Return a pause that doubles with each failure; up to half of it is left to chance.

    `failures` are those before the last one. `chance` returns a number from 0 to 1.
    """
    longest = min(longest_s, first_s * 2.0 ** min(failures, _ENOUGH))
    return timedelta(seconds=longest * (1 - chance() / 2))
