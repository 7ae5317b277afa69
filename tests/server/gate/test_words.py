import dataclasses
from datetime import timedelta

import msgspec
import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.gate import words
from passmuster_server.gate.causes import CAUSES
from passmuster_server.gate.decision import PASSING, Cause, Decision, Question, decide
from passmuster_server.policy.document import Devices
from passmuster_server.policy.standing import Standing
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_standings import (
    NO_LOCK,
    NOW,
    UNREADABLE_WIFI,
    standing,
    standings_of,
)


def decided(*items: Standing, device: str | None = None) -> Decision:
    question = Question(DEFAULT_ORGANISATION, "ana@example.com", "helpdesk", device)
    return decide(question, standings_of(*items), NOW, Devices.ALL)


@pytest.mark.parametrize("cause", sorted(set(Cause) - PASSING))
def test_every_cause_of_a_denial_has_words_for_worker_and_it(cause: Cause) -> None:
    told = CAUSES[cause]
    assert told.worker.endswith(".")
    assert told.why.endswith(".")
    assert told.admin


def test_the_worker_reads_the_signals_own_sentences() -> None:
    decision = decided(standing(Verdict.NON_COMPLIANT, NO_LOCK, UNREADABLE_WIFI))
    assert words.for_worker(decision) == (
        "Your screen does not lock by itself. The Wi-Fi could not be checked."
    )


def test_it_reads_signal_policy_and_report() -> None:
    text = words.for_admin(decided(standing(Verdict.NON_COMPLIANT, NO_LOCK)))
    assert text == (
        "ana-laptop (device-1): screen_lock: never locks (600 s allowed) (policy v12, report 345)"
    )


def test_an_allow_needs_no_word_to_the_worker() -> None:
    decision = decided(standing())
    assert words.for_worker(decision) == ""
    assert words.for_admin(decision) == "ana-laptop (device-1): compliant (policy v12, report 345)"


def test_grace_tells_until_when() -> None:
    until = NOW + timedelta(hours=5)
    text = words.for_worker(decided(standing(Verdict.GRACE, NO_LOCK, grace_until=until)))
    assert text == (
        "Your screen does not lock by itself. Please put this right by 4 March 2026, 14:30 UTC."
    )


def test_grace_without_a_reason_still_has_words() -> None:
    until = NOW + timedelta(hours=5)
    text = words.for_worker(decided(standing(Verdict.GRACE, grace_until=until)))
    assert text.startswith("Something on this laptop needs your attention soon.")


def test_an_old_report_says_so_instead_of_repeating_old_reasons() -> None:
    decision = decided(standing(Verdict.NON_COMPLIANT, NO_LOCK, last_seen=NOW - timedelta(days=1)))
    assert words.for_worker(decision) == "This laptop has not been checked for a while."
    assert "screen_lock" not in words.for_admin(decision)


def test_a_denial_without_any_reason_still_says_something() -> None:
    assert words.for_worker(decided(standing(Verdict.NON_COMPLIANT)))
    assert words.for_worker(decided(standing(Verdict.UNKNOWN)))


def test_several_laptops_are_told_apart_by_name() -> None:
    decision = decided(
        standing(Verdict.NON_COMPLIANT, NO_LOCK),
        standing(Verdict.UNKNOWN, UNREADABLE_WIFI, device="device-2", computer_name="ana-desk"),
    )
    assert words.for_worker(decision) == (
        "ana-laptop: Your screen does not lock by itself. ana-desk: The Wi-Fi could not be checked."
    )


def test_somebody_elses_laptop_is_not_described() -> None:
    other = standing(
        Verdict.NON_COMPLIANT, NO_LOCK, owner="bo@example.com", computer_name="bo-secret"
    )
    decision = decided(other, device="device-1")
    for text in (words.for_worker(decision), words.for_admin(decision)):
        assert "bo-secret" not in text
        assert "bo@" not in text
        assert "lock" not in text


def test_what_policy_only_warns_of_is_not_given_as_a_reason() -> None:
    item = standing(Verdict.NON_COMPLIANT, NO_LOCK, UNREADABLE_WIFI)
    lock, wifi = item.signals
    warned = msgspec.structs.replace(
        item, signals=(lock, dataclasses.replace(wifi, blocking=False))
    )
    assert words.for_worker(decided(warned)) == "Your screen does not lock by itself."


def test_a_long_list_of_reasons_is_cut() -> None:
    decision = decided(standing(Verdict.NON_COMPLIANT, *([NO_LOCK] * 20)))
    assert words.for_admin(decision).count("never locks") == words.MAX_REASONS
    assert "(and 14 more)" in words.for_admin(decision)
