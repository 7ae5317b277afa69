"""GVDB files: the hash tables in which dconf keeps databases and GLib its compiled schemas.

The format is what GLib's `gvdb/gvdb-format.h` lays out: a header with the place of the root table,
tables of 24-byte items, names split into a parent's and an own part, values as GVariant `v`. Files
belong to users, so every place is checked and whatever does not fit raises `ValueError`.
"""

import struct
from dataclasses import dataclass

from passmuster_collectors.text import gvariant
from passmuster_collectors.text.gvariant import Variant

SIGNATURE = b"GVariant"
HEADER = struct.Struct("<8sIIII")
ITEM = struct.Struct("<IIIHcBII")
NO_PARENT = 0xFFFF_FFFF
BLOOM_WORDS = (1 << 27) - 1
MOST_ITEMS = 200_000
DEEPEST_NAME = 64


@dataclass(frozen=True)
class _Item:
    """One entry of the file's hash table."""

    parent: int
    own_name: str
    kind: str
    start: int
    end: int


class Table:
    """One table of a file: values and inner tables by their full names."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._items = _read_items(data, start, end)
        self._places = {
            self._name(index): item for index, item in enumerate(self._items) if item.kind in "vH"
        }

    def value(self, name: str) -> Variant | None:
        """Return the value of that name, or None where there is none. Raises `ValueError`."""
        item = self._places.get(name)
        if item is None or item.kind != "v":
            return None
        content: Variant = gvariant.decode("v", _region(self._data, item.start, item.end))
        return content

    def table(self, name: str) -> "Table | None":
        """Return the inner table of that name, or None. Raises `ValueError`."""
        item = self._places.get(name)
        if item is None or item.kind != "H":
            return None
        return Table(self._data, item.start, item.end)

    def has_value(self, name: str) -> bool:
        """Whether there is a value of that name, whatever it is."""
        item = self._places.get(name)
        return item is not None and item.kind == "v"

    def _name(self, index: int) -> str:
        parts: list[str] = []
        for _ in range(DEEPEST_NAME):
            item = self._items[index]
            parts.append(item.own_name)
            if item.parent == NO_PARENT:
                return "".join(reversed(parts))
            if item.parent >= len(self._items):
                break
            index = item.parent
        raise ValueError("a name without an end")


def parse(data: bytes) -> Table:
    """Return the root table of a GVDB file. Raises `ValueError`."""
    if len(data) < HEADER.size:
        raise ValueError("shorter than its header")
    signature, version, _options, start, end = HEADER.unpack_from(data)
    if signature != SIGNATURE or version != 0:
        raise ValueError("not a GVDB file of this byte order")
    return Table(data, start, end)


def _read_items(data: bytes, start: int, end: int) -> list[_Item]:
    region = _region(data, start, end)
    if len(region) < 8:
        raise ValueError("a table without its sizes")
    bloom_words, buckets = struct.unpack_from("<II", region)
    first = 8 + 4 * ((bloom_words & BLOOM_WORDS) + buckets)
    rest = len(region) - first
    if rest < 0 or rest % ITEM.size or rest // ITEM.size > MOST_ITEMS:
        raise ValueError("a table of broken items")
    items: list[_Item] = []
    for _hash, parent, key, size, kind, _unused, place, stop in ITEM.iter_unpack(region[first:]):
        name = _region(data, key, key + size).decode("utf-8")
        items.append(_Item(parent, name, kind.decode("latin-1"), place, stop))
    return items


def _region(data: bytes, start: int, end: int) -> bytes:
    if not 0 <= start <= end <= len(data):
        raise ValueError("a place outside of the file")
    return data[start:end]
