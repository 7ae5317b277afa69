"""How times, spans and single words of the contract are written for people."""

from datetime import UTC, datetime
from typing import Any

_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
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


def timestamp(moment: datetime) -> str:
    """Return a time in full, in UTC: `24 November 2026, 11:45:07 UTC`."""
    return f"{moment.astimezone(UTC):%d %B %Y, %H:%M:%S} UTC".lstrip("0")


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


def duration(seconds: int) -> str:
    """Return a span in its two largest units: `10 minutes`, `1 hour 30 minutes`."""
    if seconds == 0:
        return "at once"
    rest = abs(seconds)
    words: list[str] = []
    for size, name in _STEPS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {name}" + ("" if count == 1 else "s"))
    return ("-" if seconds < 0 else "") + " ".join(words[:2])


def spoken(word: str) -> str:
    """Return a word of the contract as people write it: `key_exposed` is `key exposed`."""
    return word.replace("_", " ")


def titled(word: str) -> str:
    """Return a field's name as a heading: `lock_after_s` is `Lock after`."""
    text = spoken(word.removesuffix("_s"))
    return text[:1].upper() + text[1:]
