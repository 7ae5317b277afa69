"""How times, spans and single words of the contract are written for people."""

from datetime import UTC, datetime
from typing import Any

from passmuster_collectors.signals.readable import duration, spoken, timestamp, titled

__all__ = [
    "ago",
    "duration",
    "machine_time",
    "spoken",
    "timestamp",
    "titled",
    "upright",
]

_MINUTE = 60
_HOUR = 3_600
_DAY = 86_400


_DIRECTIONS = dict.fromkeys(
    (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
    "\N{REPLACEMENT CHARACTER}",
)


def upright(value: Any) -> Any:
    """Return a text with the marks made visible that would reorder the text around them.

    Names come from laptops; a hidden mark can make one read as another (CVE-2021-42574).
    """
    if type(value) is not str or value.isascii():
        return value
    return value.translate(_DIRECTIONS)


def searched(text: str, longest: int) -> str:
    """Return what a visitor searches for, without what can't be printed and no longer than that.

    PostgreSQL takes no text with a zero in it.
    """
    return "".join(letter for letter in text if letter.isprintable()).strip()[:longest]


def machine_time(moment: datetime) -> str:
    """Return a time for the `datetime` attribute of HTML's `time` element."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long `moment` is past, or how far ahead it is: `3 min ago`, `in 2 h`."""
    seconds = round((now - moment).total_seconds())
    size = abs(seconds)
    if size < 10:
        return "just now"
    if size < _MINUTE:
        text = f"{size} s"
    elif size < _HOUR:
        text = f"{size // _MINUTE} min"
    elif size < 2 * _DAY:
        text = f"{size // _HOUR} h"
    else:
        text = f"{size // _DAY} days"
    return f"{text} ago" if seconds > 0 else f"in {text}"
