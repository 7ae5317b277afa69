"""Values as daemons send them over D-Bus, of whatever type they turn out to be."""

from typing import Any


def as_bytes(value: Any) -> bytes | None:
    """Return an array of bytes; None for an empty one and for anything else."""
    if isinstance(value, bytes):
        return value or None
    if isinstance(value, list | tuple) and all(
        isinstance(item, int) and 0 <= item < 256 for item in value
    ):
        return bytes(value) or None
    return None
