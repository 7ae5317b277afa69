"""Who may do what with a file of Windows: security descriptors in their binary form.

Self-relative descriptors as [MS-DTYP] 2.4.6 lays them out, access control lists as in 2.4.5,
entries as in 2.4.4, SIDs as in 2.4.2.2. Little-endian everywhere but in a SID's authority.
"""

import struct
from dataclasses import dataclass

HEADER = struct.Struct("<BBHIIII")
"""Revision, padding, control, offsets of owner, group, audit list and access list."""

LIST = struct.Struct("<BBHHH")
"""Revision, padding, size in bytes, number of entries, padding."""

ENTRY = struct.Struct("<BBHI")
"""Type, flags, size in bytes, access mask."""

SELF_RELATIVE = 0x8000
ACCESS_LIST_PRESENT = 0x0004
ALLOWED, DENIED = 0, 1


class DescriptorError(ValueError):
    """The bytes are no security descriptor."""


@dataclass(frozen=True)
class Entry:
    """One entry of an access list: its type (0 allows, 1 denies), mask of rights and SID."""

    kind: int
    mask: int
    sid: str


@dataclass(frozen=True)
class Descriptor:
    """An object's owner and access list; no list at all (None) lets everybody in."""

    owner: str
    entries: tuple[Entry, ...] | None

    def strangers(self, known: frozenset[str]) -> frozenset[str]:
        """Return who beside `known` owns the object or may do anything with it.

        Whoever has an entry of a type other than the two plain ones counts as a stranger, and so
        does everybody (`*`) where there is no list.
        """
        if self.entries is None:
            return frozenset({"*"})
        admitted = {each.sid for each in self.entries if each.kind != DENIED}
        odd = {each.sid for each in self.entries if each.kind not in {ALLOWED, DENIED}}
        return frozenset(({self.owner, *admitted} - known) | odd)


def parse(data: bytes) -> Descriptor:
    """Return the descriptor in `data`. Raises `DescriptorError`."""
    try:
        return _parse(data)
    except struct.error:
        raise DescriptorError("cut off") from None


def _parse(data: bytes) -> Descriptor:
    revision, _, control, owner, _, _, access_list = HEADER.unpack_from(data)
    if revision != 1 or not control & SELF_RELATIVE:
        raise DescriptorError("not a self-relative descriptor of revision 1")
    if not owner:
        raise DescriptorError("no owner")
    entries = None
    if control & ACCESS_LIST_PRESENT and access_list:
        entries = _entries(data, access_list)
    return Descriptor(parse_sid(data[owner:]), entries)


def _entries(data: bytes, start: int) -> tuple[Entry, ...]:
    _, _, size, count, _ = LIST.unpack_from(data, start)
    if start + size > len(data):
        raise DescriptorError("the access list is cut off")
    position, end = start + LIST.size, start + size
    found = []
    for _ in range(count):
        kind, _, length, mask = ENTRY.unpack_from(data, position)
        if length < ENTRY.size or position + length > end:
            raise DescriptorError("an entry of an impossible size")
        # The other types put more between mask and SID; whom they name is not looked for.
        plain = kind in {ALLOWED, DENIED}
        sid = parse_sid(data[position + ENTRY.size : position + length]) if plain else "?"
        found.append(Entry(kind, mask, sid))
        position += length
    return tuple(found)


def parse_sid(data: bytes) -> str:
    """Return the SID that `data` begins with, as `S-1-…`. Raises `DescriptorError`."""
    if len(data) < 8 or data[0] != 1 or len(data) < 8 + 4 * data[1]:
        raise DescriptorError("not a SID")
    authority = int.from_bytes(data[2:8], "big")
    parts = struct.unpack_from(f"<{data[1]}I", data, 8)
    return "-".join(("S-1", str(authority), *(str(part) for part in parts)))
