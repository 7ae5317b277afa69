"""The diagnosis as a person reads it: in the language of their session."""

import pytest

from passmuster_agent.doctor import text
from passmuster_agent.doctor.findings import (
    Check,
    Condition,
    Diagnosis,
    SignalFinding,
    SourceFinding,
    diagnosis,
)
from passmuster_collectors.contract.reading import SourceOutcome, Status
from passmuster_collectors.languages import NAMES, Language, language_of

NOT_ENROLLED = "This laptop is not enrolled."
AS_STORED = SourceFinding("org.example.Bus", SourceOutcome.DENIED, "EACCES", "Nobody says so.", "")

each_foreign = pytest.mark.parametrize(
    "language",
    [language_of(tag) for tag in NAMES if tag != "en"],
    ids=[tag for tag in NAMES if tag != "en"],
)


def unwell() -> Diagnosis:
    checks = (
        Check("enrolment", Condition.WRONG, NOT_ENROLLED, "Tell IT."),
        Check("last report", Condition.NOTE, "As nobody would say it."),
    )
    signals = tuple(
        SignalFinding("disk_encryption", "Disk encryption", status, "It could not be read.", ())
        for status in Status
    )
    return diagnosis(checks, signals)


def lines(found: Diagnosis, language: Language) -> list[str]:
    return [
        line.strip() for line in text.render(found, colour=False, language=language).split("\n")
    ]


@each_foreign
def test_headings_and_what_has_a_translation_are_in_the_language(language: Language) -> None:
    said = lines(unwell(), language)
    title = f"{language.say('Disk encryption')} (disk_encryption)"
    unread = language.say("It could not be read.")
    assert said == [
        language.say("The agent"),
        f"✗ {language.say('enrolment')}: {language.say(NOT_ENROLLED)}",
        f"→ {language.say('Tell IT.')}",
        f"· {language.say('last report')}: As nobody would say it.",
        "",
        f"✓ {title}: {language.say('read')}",
        unread,
        "",
        f"✗ {title}: {language.say('could not be read')}",
        unread,
        "",
        f"✓ {title}: {language.say('not applicable')}",
        unread,
        "",
        language.say("Something is wrong: see ✗ above."),
        "",
    ]
    for english in ("The agent", "enrolment", "last report", "Something is wrong"):
        assert f"{english}:" not in "\n".join(said)
        assert english not in said


@each_foreign
def test_sources_are_named_as_they_are_stored(language: Language) -> None:
    signal = SignalFinding("firewall", "Firewall", Status.OK, "", (AS_STORED,))
    said = lines(diagnosis((), (signal,)), language)
    assert said[3:] == [
        "denied   org.example.Bus (EACCES)",
        "Nobody says so.",
        "",
        language.say("Nothing is wrong."),
        "",
    ]


def test_the_session_says_which_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "session_language", lambda: language_of("de"))
    assert text.render(diagnosis((), ()), colour=False) == "Der Agent\n\nAlles stimmt.\n"
