"""What others chose the text of is shown without what could steer a terminal."""

import pytest

from passmuster_agent.terminal_text import printable
from passmuster_collectors.languages import NAMES, language_of


@pytest.mark.parametrize("tag", NAMES)
def test_no_text_of_any_language_loses_a_letter(tag: str) -> None:
    for told in language_of(tag).texts.values():
        for line in told.split("\n"):
            assert printable(line).split() == line.split()


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009"])
def test_any_kind_of_space_is_a_space(space: str) -> None:
    assert printable(f"Attention{space}: non") == "Attention : non"


@pytest.mark.parametrize("letter", ["\x1b", "\r", "\n", "\x7f", "\u202e", "\u2028", "\ud800"])
def test_what_could_steer_a_terminal_is_a_dot(letter: str) -> None:
    assert printable(f"a{letter}b") == "a·b"
