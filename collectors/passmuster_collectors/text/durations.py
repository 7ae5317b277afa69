"""Lengths of time in words."""

DAY = 86_400
UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))


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
    steps = ((2 * DAY, DAY, "day"), *((size, size, name) for size, name in UNITS))
    for least, size, name in steps:
        if seconds >= least:
            count = seconds // size
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return in_words(seconds)
