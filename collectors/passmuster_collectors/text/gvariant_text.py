"""Single GVariant values as text, the way `gsettings get` prints them.

Format: https://docs.gtk.org/glib/gvariant-text-format.html. Only what settings are made of: truth
values, whole numbers with or without their type, texts.
"""

import re

NUMBER = re.compile(r"(?:(?:byte|u?int(?:16|32|64)|handle) )?([+-]?\d{1,20})\Z", re.ASCII)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a"}


def parse(text: str) -> bool | int | str:
    """Return the value that `text` holds. Raises `ValueError` for anything else."""
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    number = NUMBER.match(text)
    if number:
        return int(number[1])
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return _unescaped(text[1:-1], text[0])
    raise ValueError("not a truth value, a whole number or a text")


def _unescaped(text: str, quote: str) -> str:
    found: list[str] = []
    letters = iter(text)
    for letter in letters:
        if letter == quote:
            raise ValueError("a text that ends before its end")
        if letter != "\\":
            found.append(letter)
            continue
        escaped = next(letters, "")
        if escaped in "uU":
            raise ValueError("a text with a numbered letter")
        found.append(ESCAPES.get(escaped, escaped))
    return "".join(found)
