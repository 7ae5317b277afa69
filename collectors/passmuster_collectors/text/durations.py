"""Lengths of time in words."""

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
