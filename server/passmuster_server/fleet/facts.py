"""Facts of any signal as people read them, made from the facts' own declarations."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.web import formats

_KEYED_HASH = re.compile(r"[0-9a-f]{32}")
_IDENTIFYING = 4
"""How many of a row's first values name it where it appears or disappears."""

UNREAD = "could not be read"
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Column:
    """A fact's name as a heading, and the reason it is collected."""

    heading: str
    why: str


@dataclass(frozen=True)
class FactTable:
    """A list of things of one kind: a row each."""

    title: str
    why: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ReadableFacts:
    """One reading's facts: single values first, then the lists."""

    values: tuple[tuple[Column, str], ...]
    tables: tuple[FactTable, ...]


@dataclass(frozen=True)
class Change:
    """One difference between two readings; an empty side is something that was not there."""

    place: str
    before: str
    after: str


def readable(struct: type, facts: Mapping[str, Any] | None) -> ReadableFacts:
    """Return the facts in words; none for facts that this version doesn't know."""
    decoded = _decoded(struct, facts)
    values: list[tuple[Column, str]] = []
    tables: list[FactTable] = []
    if decoded is None:
        return ReadableFacts((), ())
    for field in dataclasses.fields(decoded):
        value = getattr(decoded, field.name)
        item = _item_struct(struct, field.name)
        if item is None:
            values.append((_column(field), said(field.name, value)))
            continue
        columns = tuple(_column(inner) for inner in dataclasses.fields(item))
        heading = _column(field)
        rows = tuple(_row(entry) for entry in value)
        tables.append(FactTable(heading.heading, heading.why, columns, rows))
    return ReadableFacts(tuple(values), tuple(tables))


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


def said(name: str, value: Any) -> str:
    """Return one fact in words; `name` is its field's, whose `_s` means seconds."""
    if value == UNKNOWN:
        return UNREAD
    if value is None:
        return "never" if name.endswith("_s") else NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return formats.duration(value) if name.endswith("_s") else str(value)
    if isinstance(value, datetime):
        return formats.timestamp(value)
    if isinstance(value, Enum):
        return formats.spoken(str(value.value))
    if isinstance(value, tuple):
        return ", ".join(said(name, item) for item in value) or "none"
    text = str(value) or NOTHING
    return f"#{text[:8]}" if _KEYED_HASH.fullmatch(text) else text


def _decoded(struct: type, facts: Mapping[str, Any] | None) -> Any:
    if facts is None:
        return None
    try:
        return codec.decode(struct, dict(facts), "facts")
    except ContractError:
        return None


def _item_struct(struct: type, name: str) -> Any:
    hint = get_type_hints(struct)[name]
    if get_origin(hint) is not tuple:
        return None
    item = get_args(hint)[0]
    return item if dataclasses.is_dataclass(item) else None


def _column(field: "dataclasses.Field[Any]") -> Column:
    return Column(formats.titled(field.name), field.metadata.get("why", ""))


def _row(entry: Any) -> tuple[str, ...]:
    return tuple(said(f.name, getattr(entry, f.name)) for f in dataclasses.fields(entry))


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
