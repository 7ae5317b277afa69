"""How the answers to single questions make up what is told of one device."""

from collections.abc import Iterable

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown

MAX_NAME = 128


def any_of(answers: Iterable[bool | Unknown]) -> bool | Unknown:
    """Return True where one answer is, else unknown where one is, else False."""
    given = list(answers)
    if any(answer is True for answer in given):
        return True
    return UNKNOWN if UNKNOWN in given else False


def displayed_name(manufacturer: str, product: str) -> str:
    """Return what the device calls itself, in printable letters on one line."""
    full = product if product.startswith(manufacturer) else f"{manufacturer} {product}"
    plain = "".join(letter if letter.isprintable() else " " for letter in full)
    return " ".join(plain.split())[:MAX_NAME]
