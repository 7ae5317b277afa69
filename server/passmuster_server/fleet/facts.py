"""What differs between two readings, in the words in which facts are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.signals.readable import FactTable, readable

_IDENTIFYING = 4
"""How many of a row's first values name it where it appears or disappears."""


@dataclass(frozen=True)
class Change:
    """One difference between two readings; an empty side is something that was not there."""

    place: str
    before: str
    after: str


def changes(
    struct: type, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[Change, ...]:
    """Return what differs between two readings of one signal."""
    old, new = readable(struct, before), readable(struct, after)
    found = [
        Change(column.heading, was, now)
        for (column, was), (_, now) in zip(old.values, new.values, strict=False)
        if was != now
    ]
    old_tables = {table.title: table for table in old.tables}
    for table in new.tables:
        previous = old_tables.get(table.title)
        if previous is not None:
            found.extend(_table_changes(previous, table))
    return tuple(found)


def _table_changes(old: FactTable, new: FactTable) -> list[Change]:
    if len(old.rows) == len(new.rows):
        # The same things as before: tell which of their values moved.
        return [
            Change(f"{after[0]}: {column.heading.lower()}", was, now)
            for before, after in zip(old.rows, new.rows, strict=True)
            for column, was, now in zip(new.columns, before, after, strict=True)
            if was != now
        ]
    gone = [Change(new.title, _named(row), "") for row in old.rows if row not in new.rows]
    come = [Change(new.title, "", _named(row)) for row in new.rows if row not in old.rows]
    return gone + come


def _named(row: tuple[str, ...]) -> str:
    return " · ".join(row[:_IDENTIFYING])
