"""Every text that a worker may be shown is there in every language, whole."""

import re
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Literal

import pytest
from babel import Locale
from babel.dates import format_timedelta
from babel.units import format_unit
from jinja2 import Environment

from passmuster_collectors import languages
from passmuster_collectors.languages import NAMES, Language, language_of
from passmuster_collectors.languages.templates import placeholders
from tests.support.worker_texts import counted, templates, texts

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FOREIGN = tuple(tag for tag in NAMES if tag != "en")
SAME_AS_IN_ENGLISH = {
    "",
    "Code",
    "Firewall",
    "Keyboard",
    "Network",
    "no",
    "System",
    "Remote access",
    "Emergency code",
    "source",
    "xrdp",
    "Verdict: {verdict}",
    "Verdicts",
    "xset s 300 && xss-lock -- i3lock",
    "swayidle -w timeout 300 'swaylock -f' before-sleep 'swaylock -f'",
}
"""Commands, and words that another language has as well."""

each_language = pytest.mark.parametrize(
    "language", [language_of(tag) for tag in NAMES], ids=list(NAMES)
)
each_foreign = pytest.mark.parametrize(
    "language", [language_of(tag) for tag in FOREIGN], ids=FOREIGN
)


def wanted() -> set[str]:
    return {text for said in texts().values() for text in said}


@each_foreign
def test_no_text_is_missing(language: Language) -> None:
    assert sorted(wanted() - set(language.texts)) == []


@each_foreign
def test_no_text_is_left_that_nobody_says_any_more(language: Language) -> None:
    assert sorted(set(language.texts) - wanted()) == []


@pytest.mark.parametrize("tag", FOREIGN)
def test_a_text_is_translated_in_one_place(tag: str) -> None:
    source = files(languages).joinpath(f"{tag}.toml").read_text(encoding="utf-8")
    places = Counter(text for part in tomllib.loads(source)["texts"].values() for text in part)
    assert [text for text, count in places.items() if count > 1] == []


@each_language
def test_every_text_with_a_number_has_its_forms(language: Language) -> None:
    assert set(language.counted) == set(counted())
    for forms in language.counted.values():
        assert placeholders(forms.other) == {"count"}
        # "One thing" needs no number where the form is for one alone.
        several = [number for number in range(1, 100) if language.singular.takes(number)]
        assert placeholders(forms.one) == {"count"} or several == [1]


@each_foreign
def test_a_translation_has_the_same_places_to_fill(language: Language) -> None:
    wrong = {
        text: told
        for text, told in language.texts.items()
        if Counter(placeholders(text)) != Counter(placeholders(told))
    }
    assert wrong == {}


@each_foreign
def test_nothing_is_left_in_english(language: Language) -> None:
    same = {text for text, told in language.texts.items() if text == told}
    assert same <= SAME_AS_IN_ENGLISH


@each_foreign
def test_a_sentence_stays_one_and_keeps_its_commands(language: Language) -> None:
    ends = {".": ".।", "?": "?", ":": ":"}
    for text, told in language.texts.items():
        assert told.strip() == told != "", text
        assert text.count("\n") == told.count("\n"), text
        if text[-1] in ends:
            assert told[-1] in ends[text[-1]], f"{text} -> {told}"
        for command in re.findall(r"passmuster-agent [a-z-]+|/etc/[a-z./-]+|--[a-z]+|WPA\d", text):
            assert command in told, f"{text} -> {told}"


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_a_page_says_nothing_that_is_not_translated(path: Any) -> None:
    source = re.sub(r"\{#.*?#\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    environment = Environment(autoescape=True)
    plain = "".join(text for _, kind, text in environment.lex(source) if kind == "data")
    # What is named in an attribute is said by screen readers, too.
    said = re.sub(r"<[^>]*>", " ", plain)
    assert re.findall(r"[A-Za-z]{2,}", said) == []
    assert re.findall(r'(?:title|alt|aria-label|placeholder)="[A-Za-z][^"]*"', plain) == []


@each_language
def test_numbers_take_the_form_that_cldr_says(language: Language) -> None:
    rule = Locale.parse(language.tag).plural_form
    for number in range(1_000):
        assert language.singular.takes(number) == (rule(number) == "one"), number


@each_language
def test_months_weekdays_and_units_are_cldrs(language: Language) -> None:
    known = Locale.parse(language.tag)
    assert list(language.months) == [known.months["format"]["wide"][n] for n in range(1, 13)]
    assert list(language.weekdays) == [known.days["format"]["wide"][n] for n in range(7)]
    sizes: tuple[tuple[Literal["second", "minute", "hour"], int], ...]
    sizes = (("second", 1), ("minute", 60), ("hour", 3_600))
    for unit, size in sizes:
        for number in (1, 2, 4, 5, 11):
            cldr = format_unit(number, f"duration-{unit}", "long", locale=language.tag)
            assert language.duration(number * size) == cldr
            span = timedelta(seconds=12 * size)
            for direction in (span, -span):
                cldr = format_timedelta(
                    direction, unit, threshold=99, add_direction=True, locale=language.tag
                )
                assert language.ago(NOW + direction, NOW) == cldr
    assert set(language.past) == set(language.future) == set(language.units)


@each_language
def test_a_moment_is_said_whole(language: Language) -> None:
    said = language.moment(datetime(2026, 3, 4, 9, 30, tzinfo=UTC))
    for part in ("4", language.months[2], "2026", "09:30 UTC"):
        assert part in said
