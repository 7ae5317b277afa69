"""The language of a session, as each system tells it, and what is said in it."""

import plistlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from passmuster_agent.companion.messages import Notice, Silenced, Wrong
from passmuster_agent.companion.wording import body_lines, title_of
from passmuster_agent.refusals import STOPPING
from passmuster_agent.session_language import of_environment, of_preferences, session_language
from passmuster_collectors.contract.verdict import Outcome, Remedy, Verdict
from passmuster_collectors.languages import chosen, language_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
GERMAN = language_of("de")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        ({"LANG": "de_AT.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "fr_FR.UTF-8"}, "fr"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "hi_IN"}, "hi"),
        ({"LANG": "de_DE@euro", "LANGUAGE": "pt_BR:es"}, "pt"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "nl:es"}, "es"),
        ({"LANG": "C", "LANGUAGE": "de"}, "en"),
        ({"LANG": "tl_PH.UTF-8"}, "fil"),
    ],
)
def test_a_posix_session_tells_by_its_variables(environment: dict[str, str], expected: str) -> None:
    assert chosen(of_environment(environment)).tag == expected


@pytest.mark.parametrize("form", list(plistlib.PlistFormat))
def test_a_mac_tells_by_its_preferences(tmp_path: Path, form: plistlib.PlistFormat) -> None:
    preferences = tmp_path / "preferences.plist"
    for asked, expected in (
        ({"AppleLanguages": ["fil-PH", "en-PH"]}, "fil"),
        ({"AppleLanguages": "de"}, "en"),
        ({}, "en"),
    ):
        preferences.write_bytes(plistlib.dumps(asked, fmt=form))
        assert chosen(of_preferences(preferences)).tag == expected


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"<?xml version='1.0'?><plist><dict><key>AppleLanguages</key>",
        b"bplist00 and then nothing",
        plistlib.dumps(["de"]),
        plistlib.dumps("de"),
    ],
    ids=["no file", "empty", "XML that ends early", "binary that ends early", "a list", "a text"],
)
def test_a_mac_whose_preferences_are_broken_is_spoken_to_in_english(
    tmp_path: Path, content: bytes | None
) -> None:
    preferences = tmp_path / "preferences.plist"
    if content is not None:
        preferences.write_bytes(content)
    assert chosen(of_preferences(preferences)).tag == "en"


def test_this_session_is_spoken_to_in_its_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "es_MX.UTF-8")
    assert session_language().tag == "es"


def test_a_notification_is_whole_in_the_language() -> None:
    wrong = Wrong(
        "screen_lock",
        "Screen lock",
        Outcome.FAIL,
        ("A program keeps your screen from locking (GNOME).",),
        (Remedy(("Close videos and presentations that are open.",)),),
    )
    bare = Wrong("firewall", "System updates", Outcome.UNKNOWN, (), ())
    until = NOW + timedelta(days=2, hours=1)
    notice = Notice(Verdict.GRACE, until, (wrong, bare, wrong, wrong, wrong))
    assert title_of(notice, GERMAN) == "Etwas auf diesem Laptop muss in Ordnung gebracht werden"
    lines = list(body_lines(notice, NOW, GERMAN))
    assert lines[0] == "Ein Programm hält Ihren Bildschirm vom Sperren ab (GNOME)."
    assert lines[1] == "Systemaktualisierungen: unbekannt"
    assert "… und 2 weitere Punkte." in lines
    assert "1. Schließen Sie offene Videos und Präsentationen." in lines
    assert any(line.startswith("Verbleibende Zeit: 2 Tage, bis Samstag ") for line in lines)
    assert lines[-1] == "Alles dazu: passmuster-agent status"


@pytest.mark.parametrize("code", STOPPING)
def test_why_a_laptop_can_not_report_any_more_is_said_in_the_language(code: str) -> None:
    told = Silenced(*STOPPING[code])
    problem, remedy, _ = body_lines(told, NOW, GERMAN)
    assert problem != told.problem
    assert remedy != told.remedy
