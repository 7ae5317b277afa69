"""Which language a reader gets."""

import pytest

from passmuster_collectors.languages import chosen


@pytest.mark.parametrize(
    ("preferences", "expected"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE", "de"),
        ("de-CH-1996", "de"),
        ("de_DE", "de"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("es-419", "es"),
        ("fil-PH", "fil"),
        ("tl", "fil"),
        ("hi-IN,en;q=0.5", "hi"),
        ("nl, de;q=0.8, en;q=0.7", "de"),
        ("en, de", "en"),
        ("de;q=0.1, en;q=0.9", "en"),
        ("de;q=0", "en"),
        ("de;q=much", "en"),
        ("de;q=nan", "en"),
        ("*", "en"),
        ("../../etc/passwd", "en"),
        (";,;q=,--,\u00e9", "en"),
        ("x" * 10_000 + ",de", "en"),
    ],
)
def test_the_best_language_that_there_is_is_chosen(preferences: str, expected: str) -> None:
    assert chosen(preferences).tag == expected
