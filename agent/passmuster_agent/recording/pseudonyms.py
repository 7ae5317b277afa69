"""Stands in for a name or a number: the same for the same, of the same shape, and not to be undone.

A letter becomes a letter, a digit a digit, everything else stays: what is read from a recording is
then read in the same way. The key is thrown away with the recording made.
"""

import hmac
import secrets
import string

HEXADECIMAL = frozenset(string.hexdigits)


class Pseudonyms:
    """The names of one recording."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key or secrets.token_bytes(32)

    def text(self, value: str) -> str:
        """Return the stand-in for a name; of the same length, in UTF-8 too."""
        numbers = self._numbers("text", value.casefold(), len(value))
        return "".join(_like(letter, n) for letter, n in zip(value, numbers, strict=True))

    def hexadecimal(self, value: str) -> str:
        """Return the stand-in for a number with separators, the same one whatever they are.

        So a UUID, its digits alone and its upper case are one.
        """
        digits = "".join(letter for letter in value if letter in HEXADECIMAL).lower()
        numbers = iter(self._numbers("hexadecimal", digits, len(digits)))
        return "".join(
            _digit(letter, next(numbers)) if letter in HEXADECIMAL else letter for letter in value
        )

    def _numbers(self, kind: str, value: str, count: int) -> list[int]:
        found = b""
        block = 0
        while len(found) < count:
            message = f"{kind}\0{block}\0{value}".encode("utf-8", "surrogatepass")
            found += hmac.digest(self._key, message, "sha256")
            block += 1
        return list(found[:count])


def _digit(letter: str, number: int) -> str:
    digit = "0123456789abcdef"[number % 16]
    return digit.upper() if letter.isupper() else digit


def _like(letter: str, number: int) -> str:
    if letter in string.digits:
        return string.digits[number % 10]
    if letter in string.ascii_uppercase:
        return string.ascii_uppercase[number % 26]
    if letter in string.ascii_lowercase:
        return string.ascii_lowercase[number % 26]
    if letter.isascii():
        return letter
    # As many bytes of UTF-8 as before, so that lengths in binary files stay true.
    return (string.ascii_lowercase[number % 26] * 4)[: len(letter.encode("utf-8", "replace"))]
