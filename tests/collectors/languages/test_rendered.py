"""What was said in English is said again in another language, with the same things filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from passmuster_agent.companion import sight, window
from passmuster_agent.keystore.tpm_errors import AUTH_FAIL, TpmError
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.languages import NAMES, PHRASES, SAID_AT_ONCE, language_of
from passmuster_collectors.languages.templates import PLACES, placeholders
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.remote_access.products import TOOLS
from passmuster_collectors.signals.signal import Finding, Signal
from passmuster_collectors.text import durations
from passmuster_server.policy.key_tier import KEY_TIER
from tests.support.worker_texts import texts

GERMAN = language_of("de")
FILLED = {
    "desktop": "GNOME",
    "device": "Kingston “DataTraveler” (3.0)",
    "ids": "0951:1666",
    "mount": "/home/ana daten",
    "method": "hardware",
    "security": "WPA1-Personal",
    "interface": "wlan0",
    "tool": "TeamViewer",
    "limit": "10 minutes",
    "found": "1 hour 30 minutes",
    "minutes": "9",
    "count": "12",
    "weeks": "5",
    "reason": "The source said: nothing. Really {nothing}.",
}


def told_by(signal: Signal[Any, Any]) -> list[str]:
    texts = []
    for problem, words in signal.problems.items():
        names = placeholders(words.worker) | placeholders(words.admin)
        for each in words.remedy.values():
            names |= {name for step in each.steps for name in placeholders(step)}
        details = {name: FILLED.get(name, "x") for name in names}
        found = Finding(problem, Outcome.FAIL, details)
        texts.append(signal.worker_text(found))
        for platform in words.remedy:
            remedy = signal.remedy(found, platform)
            assert remedy is not None
            texts += remedy.steps
    return texts


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
@pytest.mark.parametrize("signal", CATALOG, ids=lambda signal: signal.id)
def test_whatever_a_signal_tells_is_told_in_the_language(
    signal: Signal[Any, Any], tag: str
) -> None:
    language = language_of(tag)
    for text in told_by(signal):
        told = language.rendered(text)
        is_command = text in language.texts and language.texts[text] == text
        assert told != text or is_command, f"left in English: {text}"
        for detail in ("Kingston “DataTraveler” (3.0)", "/home/ana daten", "0951:1666"):
            assert (detail in text) == (detail in told), f"{text} -> {told}"


def test_names_and_numbers_are_put_in_as_they_are() -> None:
    assert (
        GERMAN.rendered(
            "“{mount} & <b>” is not encrypted. Whoever finds this computer can read what is on it."
        )
        == "„{mount} & <b>“ ist nicht verschlüsselt. Wer diesen Computer findet, kann lesen, was "
        "darauf ist."
    )


def test_lengths_of_time_are_said_in_the_language() -> None:
    late = (
        "Your screen locks only after 1 hour 30 minutes (GNOME). It has to lock within 10 minutes."
    )
    assert GERMAN.rendered(late) == (
        "Ihr Bildschirm wird erst nach 1 Stunde 30 Minuten gesperrt (GNOME). "
        "Erlaubt sind höchstens 10 Minuten."
    )
    assert language_of("hi").duration(3_661) == "1 घंटा 1 मिनट 1 सेकंड"


def test_what_a_reader_found_out_is_looked_up_by_itself() -> None:
    text = "Passmuster could not look at the Wi-Fi. It could not be read."
    assert GERMAN.rendered(text) == (
        "Passmuster konnte das WLAN nicht ansehen. Es konnte nicht gelesen werden."
    )


def test_a_text_of_another_version_stays_as_it_is() -> None:
    for text in ("", "Something that nobody ever said.", "“" * 5_000):
        assert GERMAN.rendered(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Open something that another version names.",
        "Last checked by somebody else",
        "On a Friday",
        "Quit everything.",
        "Quit AnyDesk, and restart this computer.",
        "Quit every tool of this kind. Then tell IT.",
        "Let the screensaver start after ten minutes or less and lock immediately.",
        "Your session stays open for ever and a day when you walk away.",
        "Select “Turn on BitLocker” for every disk, and let it be unlocked automatically.",
        "A program keeps your screen from locking (as newer versions say).",
    ],
)
def test_a_sentence_that_only_resembles_one_stays_whole(text: str) -> None:
    assert [language_of(tag).rendered(text) for tag in NAMES] == [text] * len(NAMES)


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_no_english_is_left_of_what_is_filled_in(tag: str) -> None:
    language = language_of(tag)
    unnamed = (
        "“a device without a name (0951:1666)” can store data, and IT has not approved it yet."
    )
    told = language.rendered(unnamed)
    assert "0951:1666" in told
    assert "without a name" not in told
    for tool in TOOLS.values():
        told = language.rendered(f"Quit {tool.title}.")
        assert told != f"Quit {tool.title}.", "expected: whole, in the language"
        assert (tool.title in told) == (language.template(tool.title) == tool.title)


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_why_a_reading_is_not_whole_is_said_in_the_language_too(tag: str) -> None:
    language = language_of(tag)
    whole = "Passmuster could not look at the Wi-Fi. {reason}"
    for template in texts()["reasons"]:
        details = {"desktop": "Budgie", "mounts": "/home, /var/my data"}
        reason = template.format_map(details)
        told = language.template(template).format_map(details)
        assert told != reason
        assert language.rendered(reason) == told, "on the page of a person's own laptops"
        assert language.rendered(whole.format(reason=reason)) == language.template(whole).format(
            reason=told
        )


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_why_a_report_did_not_get_through_is_said_in_the_language_too(tag: str) -> None:
    language = language_of(tag)
    details = {
        "server": "https://it.example:8443",
        "status": "-9",
        "count": "262144",
        "reason": "Hostname mismatch, certificate is not valid for 'it.example'.",
    }
    for template in set(texts()["delivery"]) - {sight.NOT_TOLD}:
        told = language.template(template).format_map(details)
        assert language.rendered(template.format_map(details)) == told


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_whatever_enrolling_says_is_said_in_the_language(tag: str) -> None:
    language = language_of(tag)
    problem = "This laptop has no TPM 2.0 that Linux knows ({path} is not there)."
    outcome = "nothing has changed"
    details = {
        **dict.fromkeys(("owner", "verb", "name", "version", "args"), "ana@example.com"),
        **dict.fromkeys(("url", "server_url"), "https://it.example:8443/enroll"),
        **dict.fromkeys(("because", "error"), "no such file (2). Really."),
        **dict.fromkeys(("detail", "command"), "it failed. Really."),
        **dict.fromkeys(("count", "MAX_BYTES", "VERSION", "retry_after_s", "minutes"), "10"),
        # Words that are translated elsewhere: here they are what a tier and a group are called.
        "tier": "hardware",
        "tier_before": "other",
        "group": "system",
        "path": "/var/my data/ca.pem",
        "fingerprint": "ABCD-EFGH-JKLM",
        "replaced": "device-1",
    }
    english = {**details, "problem": problem.format_map(details), "outcome": outcome}
    told = {
        **details,
        "problem": language.say(problem, **details),
        "outcome": language.say(outcome),
    }
    for template in texts()["enroll"]:
        said = language.rendered(template.format_map(english))
        assert said == language.template(template).format_map(told)


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_what_a_tpm_refuses_and_why_is_said_in_the_language(tag: str) -> None:
    language = language_of(tag)
    refused = "The TPM refused {command}: {detail} ({name})."
    command, why = "to make a key", "its owner has set a password"
    details = {"command": language.say(command), "detail": language.say(why), "name": "AUTH_FAIL"}
    said = refused.format(command=command, detail=why, name="AUTH_FAIL")
    assert str(TpmError(AUTH_FAIL, command)).startswith(said)
    assert language.rendered(said) == language.say(refused, **details)
    assert command not in language.rendered(said)


@pytest.mark.parametrize("tag", [tag for tag in NAMES if tag != "en"])
def test_why_the_agent_tells_nothing_is_said_in_the_language_too(tag: str) -> None:
    language = language_of(tag)
    reasons = (sight.HUNG_UP, sight.OTHER_VERSION, sight.TOO_MUCH)
    for reason in (sight.NO_ANSWER, *reasons, window.NOT_A_PERSON, window.TOO_OFTEN):
        said = sight.NOT_TOLD.format(why=reason.format(count=5))
        why = language.template(reason).format(count=5)
        assert language.rendered(said) == language.template(sight.NOT_TOLD).format(why=why)
    unknown = sight.NOT_TOLD.format(why="The outbox is busy.")
    assert language.rendered(unknown) == unknown, "expected: whole, in English"


def test_a_stick_that_calls_itself_by_a_known_word_keeps_its_name() -> None:
    assert "„open“" in GERMAN.rendered("“open” can store data, and IT has not approved it yet.")


@pytest.mark.parametrize("signal", [*CATALOG, KEY_TIER], ids=lambda signal: signal.id)
def test_each_place_says_what_may_stand_in_it(signal: Signal[Any, Any]) -> None:
    for problem in signal.problems.values():
        for text in (problem.worker, *(s for r in problem.remedy.values() for s in r.steps)):
            assert placeholders(text) <= set(PLACES), text


def test_every_part_is_stored_in_english_or_said_at_once() -> None:
    signals = {signal.id for signal in (*CATALOG, KEY_TIER)}
    assert set(texts()) == {*signals, *SAID_AT_ONCE, *PHRASES, "delivery"}


def test_a_name_that_would_be_slow_to_find_is_found() -> None:
    text = f"What you plugged in calls itself “{'” now and “' * 70}” now and something else before."
    assert GERMAN.rendered(text).startswith("Was Sie eingesteckt haben, nennt sich jetzt")


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 90, 600, 3_600, 86_399, 200_000])
def test_a_length_of_time_is_read_as_it_was_said(seconds: int) -> None:
    assert durations.read(durations.in_words(seconds)) == seconds


@pytest.mark.parametrize(
    "text", ["", "never", "3 parsecs", "1 hour and a bit", "1 minute 2", "\uff15 hours"]
)
def test_nothing_else_is_a_length_of_time(text: str) -> None:
    assert durations.read(text) is None


def test_how_long_ago_it_was() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert GERMAN.ago(now - timedelta(minutes=3), now) == "vor 3 Minuten"
    assert GERMAN.ago(now - timedelta(days=2), now) == "vor 2 Tagen"
    assert GERMAN.ago(now + timedelta(hours=1), now) == "in 1 Stunde"
    assert GERMAN.ago(now - timedelta(seconds=3), now) == "gerade eben"
    assert language_of("en").ago(now - timedelta(minutes=1), now) == "1 minute ago"
