"""Key-value lines, GVariant's text form and lengths of time."""

import pytest

from passmuster_collectors.text import durations, gvariant_text, key_value


def test_the_last_value_of_a_key_counts_and_quotes_are_undone() -> None:
    content = b"# This is private data.\nUID=1000\nDESKTOP='a b'\n\nUID=1001\nnonsense\nTTY=\n"
    assert key_value.parse(content) == {"UID": "1001", "DESKTOP": "a b", "TTY": ""}


def test_an_open_quote_is_left_as_it_is() -> None:
    assert key_value.parse(b"NAME='open\n") == {"NAME": "'open"}


def test_bytes_that_are_no_text_do_not_stop_the_others() -> None:
    assert key_value.parse(b"A=\xff\xfe\nUID=7\n")["UID"] == "7"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true\n", True),
        ("false", False),
        ("uint32 300\n", 300),
        ("300", 300),
        ("int64 -5", -5),
        ("'suspend'\n", "suspend"),
        (r"'it\'s'", "it's"),
        ("\"a 'b'\"", "a 'b'"),
    ],
)
def test_a_printed_setting_is_read(text: str, value: object) -> None:
    found = gvariant_text.parse(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", ["", "maybe", "uint32", "uint32 x", "[1, 2]", "'open", "1.5", "٣"])
def test_what_is_no_plain_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        gvariant_text.parse(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "1 minute 30 seconds"),
        (600, "10 minutes"),
        (1805, "30 minutes 5 seconds"),
        (3600, "1 hour"),
        (7260, "2 hours 1 minute"),
    ],
)
def test_lengths_of_time_are_told_as_people_say_them(seconds: int, words: str) -> None:
    assert durations.in_words(seconds) == words
