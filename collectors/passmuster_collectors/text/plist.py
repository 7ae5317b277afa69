"""Apple's property lists, XML or binary (plist(5))."""

import plistlib
import re
import struct
from collections.abc import Iterator
from typing import Any
from xml.parsers.expat import ExpatError

MAX_DEPTH = 200

# plistlib passes over elements that it does not know, with all that is in them.
TAG = re.compile(rb"<\s*/?\s*([^\s/>!?]+)")
TAGS = frozenset(b"plist dict key array string integer real true false date data".split())
BINARY = b"bplist00"


class PlistError(ValueError):
    """The bytes are no property list, or one that contradicts itself."""


class _UniqueKeys(dict[str, Any]):
    """A dictionary that holds every key once: of two answers neither counts."""

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            raise PlistError("a dictionary names the same key twice")
        super().__setitem__(key, value)


# What plistlib lets through from the parsers below it, seen by feeding it broken lists.
BROKEN = (
    plistlib.InvalidFileException,
    ExpatError,
    struct.error,
    AttributeError,
    LookupError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def parse(data: bytes) -> Any:
    """Return the list's value: texts, numbers, booleans, bytes, dates, lists and dictionaries.

    Raises `PlistError` for anything else, for a key given twice, and beyond 200 levels.
    """
    if not data.startswith(BINARY) and not TAGS.issuperset(TAG.findall(data)):
        raise PlistError("not a property list")
    try:
        value = plistlib.loads(data, dict_type=_UniqueKeys)
    except PlistError:
        raise
    except BROKEN:
        raise PlistError("not a property list") from None
    if value is None:
        raise PlistError("an empty property list")
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for container in level for item in _items(container)]
        if not level:
            return value
    raise PlistError(f"nested deeper than {MAX_DEPTH} levels")


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
