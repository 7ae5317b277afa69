from datetime import UTC, datetime, timedelta

import pytest

from passmuster_server.web import formats

NOW = datetime(2026, 3, 4, 9, 30, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (-3, "just now"),
        (45, "45 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 h ago"),
        (47 * 3_600, "47 h ago"),
        (3 * 86_400, "3 days ago"),
        (-7_200, "in 2 h"),
    ],
)
def test_ago_uses_one_unit(seconds: int, text: str) -> None:
    assert formats.ago(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "at once"),
        (1, "1 second"),
        (600, "10 minutes"),
        (5_400, "1 hour 30 minutes"),
        (90_061, "1 day 1 hour"),
        (3_601, "1 hour 1 second"),
        (2**53, "104249991374 days 7 hours"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert formats.duration(seconds) == text


def test_a_time_is_told_in_utc() -> None:
    assert formats.timestamp(NOW) == "4 March 2026, 09:30:07 UTC"
    assert formats.machine_time(NOW) == "2026-03-04T09:30:07Z"


def test_a_fields_name_becomes_a_heading() -> None:
    assert formats.titled("lock_after_s") == "Lock after"


def test_marks_that_reorder_text_are_made_visible() -> None:
    assert formats.upright("invoice\u202egnp.exe") == "invoice\N{REPLACEMENT CHARACTER}gnp.exe"


def test_other_scripts_are_left_alone() -> None:
    assert formats.upright("مكتب Ölberg") == "مكتب Ölberg"
