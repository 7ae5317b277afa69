"""What lsblk printed on a real machine, rebuilt as the device tree that it had read."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.block_tree import (
    Block,
    Mounted,
    crypt,
    disk,
    logical,
    machine,
    partition,
    virtual,
)

TREE_LINE = re.compile(r"^(?P<indent>[ |`-]*)(?P<name>\S+)(?: \((?P<kernel>\S+)\))? +(?P<rest>.*)$")
"""Name, major:minor, removable, size, read-only, type, mount point: the default columns."""


@dataclass(frozen=True)
class Row:
    """One device as lsblk printed it, below the one that it was printed under."""

    name: str
    parent: str | None
    kind: str
    point: str | None


def json_rows(text: str) -> list[Row]:
    """Return the rows of `lsblk --json`, with or without the column of types."""

    def walk(entries: list[Mapping[str, Any]], parent: Mapping[str, Any] | None) -> Iterator[Row]:
        for entry in entries:
            points = entry.get("mountpoints") or [entry.get("mountpoint")]
            point = next((each for each in points if each), None)
            name = entry["name"].rpartition("/")[2]
            above = None if parent is None else parent["name"].rpartition("/")[2]
            yield Row(name, above, entry.get("type") or guess(parent), point)
            yield from walk(entry.get("children", []), entry)

    def guess(parent: Mapping[str, Any] | None) -> str:
        if parent is None:
            return "disk"
        kinds = {"crypto_LUKS": "crypt", "LVM2_member": "lvm"}
        return kinds.get(parent.get("fstype") or "", "part")

    return list(walk(json.loads(text)["blockdevices"], None))


def tree_rows(text: str) -> list[Row]:
    """Return the rows of the tree that lsblk draws for people."""
    rows: list[Row] = []
    above: list[tuple[int, str]] = []
    for line in text.splitlines()[1:]:
        found = TREE_LINE.match(line)
        if found is None:
            continue
        depth = len(found["indent"])
        above = [entry for entry in above if entry[0] < depth]
        columns = found["rest"].split()
        # The size may stand apart from its unit, never from the columns after it.
        kind = next(word for word in columns if word.isalpha() and word.islower())
        after = columns[columns.index(kind) + 1 :]
        parent = above[-1][1] if above else None
        rows.append(Row(found["name"], parent, kind, after[0] if after else None))
        above.append((depth, found["name"]))
    return rows


def machine_of(rows: list[Row]) -> dict[str, Any]:
    """Return the recorded machine."""
    parents: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    shown: dict[str, str] = {}
    for row in rows:
        kinds[row.name] = row.kind
        parents.setdefault(row.name, [])
        if row.parent is not None and row.parent not in parents[row.name]:
            parents[row.name].append(row.parent)
        if row.point is not None:
            shown[row.name] = row.point
    blocks: dict[str, Block] = {}

    def build(name: str) -> Block:
        # A device with several parents is printed below each of them, the last one late.
        if name not in blocks:
            below = [build(each) for each in parents[name]]
            blocks[name] = _block(name, kinds[name], len(blocks), below)
        return blocks[name]

    mounts, swaps = [], []
    for name in kinds:
        number = build(name).number
        point = shown.get(name, "")
        if point.startswith("/"):
            mounts.append(Mounted(point, number))
        elif point == "[SWAP]":
            swaps.append((f"/dev/{blocks[name].name}", "partition"))
    mounts.sort(key=lambda mount: mount.point)
    return machine(list(blocks.values()), mounts, swaps)


def _block(name: str, kind: str, index: int, below: list[Block]) -> Block:
    number, names = f"250:{index}", [each.name for each in below]
    match kind:
        case "crypt":
            return crypt(f"dm-{index}", number, name, *names)
        case "lvm" | "mpath":
            return logical(f"dm-{index}", number, name, *names)
        case "part" if below and below[0].name.startswith("dm-"):
            return logical(f"dm-{index}", number, name, *names)
        case "part":
            return partition(name, number, below[0])
        case "loop":
            return virtual(name, number)
        case _:
            return disk(name, number)
