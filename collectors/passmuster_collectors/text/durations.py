"""Lengths of time in words."""

import re

DAY = 86_400
UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))
_PART = re.compile(r"([0-9]{1,9}) (hour|minute|second)s?")
_IN_WORDS = re.compile(rf"{_PART.pattern}(?: {_PART.pattern}){{0,2}}")


def in_words(seconds: int) -> str:
    """Return a length of time as people say it: `90` is "1 minute 30 seconds"."""
    parts: list[str] = []
    rest = seconds
    for size, name in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}" if count == 1 else f"{count} {name}s")
    return " ".join(parts) or "0 seconds"


def roughly(seconds: int) -> str:
    """Return a length of time in its largest unit alone, cut: `86_399` is "23 hours".

    Days begin with two of them.
    """
    count, name = largest(seconds)
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def largest(seconds: int) -> tuple[int, str]:
    """Return how many of its largest unit a length of time has, cut, and the unit."""
    for least, size, name in ((2 * DAY, DAY, "day"), *((size, size, name) for size, name in UNITS)):
        if seconds >= least:
            return seconds // size, name
    return 0, "second"


def read(text: str) -> int | None:
    """Return the seconds that `in_words` said, or None for any other text."""
    if not _IN_WORDS.fullmatch(text):
        return None
    sizes = {name: size for size, name in UNITS}
    return sum(int(count) * sizes[name] for count, name in _PART.findall(text))
