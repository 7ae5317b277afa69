"""Text that others chose, made harmless for a terminal or a notification."""

import unicodedata


def printable(text: str) -> str:
    """Return the text without what could steer a terminal: a USB stick chooses its own name.

    Every kind of space is a plain one (Unicode's general category Zs): French puts one that doesn't
    break before its colons.
    """
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if unicodedata.category(letter) == "Zs" else "·"
