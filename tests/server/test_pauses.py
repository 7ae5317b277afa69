"""After a failure the next try comes later and later, and not for all at the same moment."""

import pytest

from passmuster_server.pauses import pause_after


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [
        (0, 0.0, 1.0),
        (1, 0.0, 2.0),
        (5, 0.0, 32.0),
        (9, 0.0, 300.0),
        (10_000, 0.0, 300.0),
        (0, 1.0, 0.5),
        (9, 1.0, 150.0),
    ],
)
def test_it_doubles_up_to_the_longest_and_half_is_left_to_chance(
    failures: int, chance: float, seconds: float
) -> None:
    assert pause_after(failures, 1.0, 300.0, lambda: chance).total_seconds() == seconds


def test_two_failures_at_once_are_tried_again_at_different_moments() -> None:
    assert len({pause_after(3, 1.0, 300.0) for _ in range(20)}) > 1
