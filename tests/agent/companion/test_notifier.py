"""A worker is told once when things get worse, and not in a flood."""

from datetime import UTC, datetime, timedelta

import pytest

from passmuster_agent.companion.messages import Notice, Silenced, Wrong
from passmuster_agent.companion.notifier import NEVER, SHOW_EVERY_S, Notifier
from passmuster_collectors.contract.verdict import Outcome, Verdict

WELL = Notice(Verdict.COMPLIANT, None, ())


def bad(*signals: str, verdict: Verdict = Verdict.NON_COMPLIANT, until: int = 0) -> Notice:
    wrong = tuple(Wrong(each, each, Outcome.FAIL, ("It is wrong.",), ()) for each in signals)
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=until) if until else None
    return Notice(verdict, moment, wrong)


@pytest.fixture
def shown() -> list[Notice | Silenced | None]:
    return []


@pytest.fixture
def notifier(shown: list[Notice | Silenced | None]) -> Notifier:
    return Notifier(shown.append)


def test_nothing_is_shown_while_all_is_well(
    notifier: Notifier, shown: list[Notice | Silenced | None]
) -> None:
    notifier.tell(WELL, 0)
    notifier.step(1000)
    assert shown == []
    assert notifier.next_at() == NEVER


def test_a_worse_verdict_is_shown_once(
    notifier: Notifier, shown: list[Notice | Silenced | None]
) -> None:
    for at in range(5):
        notifier.tell(bad("screen_lock"), at * 100)
        notifier.step(at * 100 + 50)
    assert shown == [bad("screen_lock")]


def test_it_is_taken_away_when_all_is_well_again(
    notifier: Notifier, shown: list[Notice | Silenced | None]
) -> None:
    notifier.tell(bad("screen_lock"), 0)
    notifier.tell(WELL, 1)
    notifier.tell(WELL, 2)
    assert shown == [bad("screen_lock"), None]


@pytest.mark.parametrize(
    "worse",
    [
        bad("screen_lock", "wifi_security"),
        bad("wifi_security"),
        bad("screen_lock", verdict=Verdict.UNKNOWN),
        bad("screen_lock", until=3),
    ],
)
def test_what_gets_worse_still_takes_its_place(
    notifier: Notifier, shown: list[Notice | Silenced | None], worse: Notice
) -> None:
    notifier.tell(bad("screen_lock"), 0)
    notifier.tell(worse, 100)
    assert shown == [bad("screen_lock"), worse]


def test_one_of_two_that_is_fixed_is_no_reason_to_disturb(
    notifier: Notifier, shown: list[Notice | Silenced | None]
) -> None:
    notifier.tell(bad("screen_lock", "wifi_security"), 0)
    notifier.tell(bad("screen_lock"), 100)
    assert len(shown) == 1
    notifier.tell(bad("screen_lock", "wifi_security"), 200)
    assert len(shown) == 2, "it went wrong anew"


def test_a_verdict_that_flaps_is_shown_now_and_then_and_the_last_word_counts(
    notifier: Notifier, shown: list[Notice | Silenced | None]
) -> None:
    for tenth in range(100):
        notifier.tell(bad("screen_lock") if tenth % 2 else WELL, tenth / 10)
    assert [each for each in shown if each is not None] == [bad("screen_lock")]
    assert notifier.next_at() <= 10 + SHOW_EVERY_S
    notifier.step(notifier.next_at())
    assert shown[-1] == bad("screen_lock")


def test_what_is_well_before_its_turn_is_never_shown(
    notifier: Notifier, shown: list[Notice | Silenced | None]
) -> None:
    notifier.tell(bad("screen_lock"), 0)
    notifier.tell(bad("screen_lock", "wifi_security"), 1)
    assert notifier.next_at() == SHOW_EVERY_S
    notifier.tell(WELL, 2)
    notifier.step(100)
    assert shown == [bad("screen_lock"), None]


SILENCED = Silenced("The TPM refused.", "Enrol again.")


def test_that_nothing_can_be_reported_is_shown_once_until_it_is_again(
    notifier: Notifier, shown: list[Notice | Silenced | None]
) -> None:
    notifier.tell(SILENCED, 0)
    notifier.tell(Silenced("The TPM is gone.", "Enrol again."), 100)
    notifier.tell(bad("screen_lock"), 200)
    notifier.tell(SILENCED, 300)
    notifier.tell(WELL, 400)
    assert shown == [SILENCED, bad("screen_lock"), SILENCED, None]
