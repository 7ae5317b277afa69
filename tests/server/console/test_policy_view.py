"""The difference of two documents: what it shows, and that it is found in a moment."""

import time

import pytest

from passmuster_server.console.policy_view import (
    CONTEXT,
    MAX_COMPARED,
    MAX_LINES,
    DiffLine,
    difference,
)
from passmuster_server.policy.document import MAX_DOCUMENT

MANY = [f"# line {number}" for number in range(3_000)]
SOON_S = 10.0
"""Without its bound the worst of these takes five times as long, on a fast machine."""


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def told(lines: list[DiffLine]) -> list[tuple[str, int | None, int | None, str]]:
    return [(each.kind, each.before, each.after, each.text) for each in lines]


def test_a_changed_line_stands_among_its_neighbours_with_both_numbers() -> None:
    changed = [*MANY[:2_000], "new", *MANY[2_001:]]
    found = told(difference(text(MANY), text(changed)))
    around = [("same", place + 1, place + 1, MANY[place]) for place in (1_997, 1_998, 1_999)]
    assert found[0] == ("skipped", None, None, "")
    assert found[1 : 1 + CONTEXT] == around
    assert found[4:6] == [("removed", 2_001, None, MANY[2_000]), ("added", None, 2_001, "new")]
    assert [line[1:3] for line in found[6:]] == [(2_002, 2_002), (2_003, 2_003), (2_004, 2_004)]


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 9])
@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_change_at_any_place_is_told(place: int, change: str) -> None:
    short = [f"line {number}" for number in range(9)]
    longer = [*short[:place], "one more", *short[place:]]
    pair = (short, longer) if change == "added" else (longer, short)
    found = [each for each in difference(*map(text, pair)) if each.kind not in ("same", "skipped")]
    assert [(each.kind, each.text) for each in found] == [(change, "one more")]
    assert place + 1 in (found[0].before, found[0].after)


def test_the_same_text_has_no_difference() -> None:
    assert difference(text(MANY), text(MANY)) == []
    assert difference("", "") == []


def test_two_changes_far_apart_skip_what_is_between() -> None:
    changed = ["first", *MANY[1:500], "second", *MANY[501:]]
    kinds = [each.kind for each in difference(text(MANY), text(changed))]
    assert kinds == [
        *("removed", "added", "same", "same", "same", "skipped"),
        *("same", "same", "same", "removed", "added", "same", "same", "same"),
    ]


def test_what_is_too_long_to_be_shown_is_counted() -> None:
    found = difference("", text(MANY))
    assert len(found) == MAX_LINES + 1
    assert {each.kind for each in found[:-1]} == {"added"}
    assert (found[-1].kind, found[-1].text) == ("rest", "and 2,000 more lines")


def test_the_largest_documents_are_compared_in_a_moment() -> None:
    # No two lines in a row are the same, and each recurs just too seldom to be taken for noise.
    words = [f"{number:x}" for number in range(101)]
    before = [words[place % 101] for place in range(MAX_DOCUMENT // 3)]
    after = [words[-1 - place % 101] for place in range(MAX_DOCUMENT // 3)]
    began = time.monotonic()
    assert difference(text(before), text(after))
    assert difference(text(before[:MAX_COMPARED]), text(after[:MAX_COMPARED]))
    assert time.monotonic() - began < SOON_S
