"""Since when a verdict has counted, which the worker and IT are told."""

from datetime import timedelta

import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy.standing import CLOCK_STEP_S, Standing
from tests.support.example_standings import MAX_AGE_S, NOW, standing

HOUR = timedelta(hours=1)
SINCE = standing().since


@pytest.mark.parametrize(
    ("told", "since"),
    [
        (standing(), SINCE),
        (standing(last_seen=None), SINCE),
        (standing(last_seen=NOW - 2 * HOUR), NOW - 2 * HOUR + timedelta(seconds=MAX_AGE_S)),
        (standing(Verdict.GRACE, grace_until=NOW + HOUR), SINCE),
        (standing(Verdict.GRACE, grace_until=NOW - HOUR), NOW - HOUR),
        (standing(waived_until=NOW - HOUR), NOW - HOUR),
        (standing(Verdict.GRACE, grace_until=NOW + HOUR, waived_until=NOW), NOW),
    ],
    ids=["judged", "never heard of", "silent", "in grace", "grace over", "waiver over", "sooner"],
)
def test_a_verdict_counts_since_what_made_it(told: Standing, since: object) -> None:
    assert told.since_at(NOW) == since


def test_a_contact_ahead_of_the_clock_counts_for_nothing_now_and_not_later() -> None:
    ahead = standing(last_seen=NOW + timedelta(seconds=CLOCK_STEP_S + 1))
    assert ahead.verdict_at(NOW) is Verdict.UNKNOWN
    assert ahead.since_at(NOW) == NOW


@pytest.mark.parametrize("waived_until", [None, NOW + HOUR], ids=["no waiver", "waiver"])
def test_grace_without_an_end_is_none_since_it_was_judged(waived_until: object) -> None:
    endless = standing(Verdict.GRACE, waived_until=waived_until)
    assert endless.verdict_at(NOW) is Verdict.NON_COMPLIANT
    assert endless.since_at(NOW) == SINCE
