import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.gate import words
from passmuster_server.gate.decision import Decision, Question, decide
from passmuster_server.gate.languages import ENGLISH, GERMAN, LANGUAGES, Language, chosen
from passmuster_server.policy.document import Devices
from passmuster_server.schema import DEFAULT_ORGANISATION
from tests.support.example_standings import NO_LOCK, NOW, standing, standings_of


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        ("", ENGLISH),
        ("de", GERMAN),
        ("DE", GERMAN),
        ("de-CH-1996", GERMAN),
        ("de_DE", GERMAN),
        ("fr, de;q=0.8, en;q=0.7", GERMAN),
        ("en, de", ENGLISH),
        ("de;q=0.1, en;q=0.9", ENGLISH),
        ("de;q=0", ENGLISH),
        ("de;q=much", ENGLISH),
        ("de;q=nan", ENGLISH),
        ("*", ENGLISH),
        (";,;q=,--,\u00e9", ENGLISH),
        ("x" * 10_000 + ",de", ENGLISH),
    ],
)
def test_the_best_language_that_there_is_is_chosen(preferences: str, expected: Language) -> None:
    assert chosen(preferences) is expected


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_a_language_has_whole_sentences_and_twelve_months(language: Language) -> None:
    for cause, told in language.causes.items():
        assert told.worker.endswith("."), cause
        assert told.why.endswith("."), cause
        assert all(step.endswith(".") for step in told.steps), cause
    assert len(set(language.months)) == 12
    assert "2026" in language.moment(datetime(2026, 3, 4, 9, 30, tzinfo=UTC))


def decided(verdict: Verdict, **changes: object) -> Decision:
    question = Question(DEFAULT_ORGANISATION, "ana@example.com", "helpdesk")
    found = dataclasses.replace(standing(verdict, NO_LOCK), **changes)  # type: ignore[arg-type]
    return decide(question, standings_of(found), NOW, Devices.ALL)


def test_a_cause_is_translated() -> None:
    stale = decided(Verdict.COMPLIANT, last_seen=NOW - timedelta(days=2))
    assert words.in_language(stale, GERMAN) == "Dieser Laptop wurde längere Zeit nicht geprüft."
    assert words.in_language(stale, ENGLISH) == words.for_worker(stale)


def test_a_signals_own_reason_and_a_missing_word_are_not() -> None:
    assert words.in_language(decided(Verdict.NON_COMPLIANT), GERMAN) is None
    empty = dataclasses.replace(GERMAN, causes={})
    assert words.in_language(decided(Verdict.COMPLIANT, last_seen=None), empty) is None
