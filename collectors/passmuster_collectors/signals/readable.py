"""Facts of any signal as people read them, made from the facts' own declarations.

The console and the laptop's own `status` say them in the same words.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.errors import ContractError

_KEYED_HASH = re.compile(r"[0-9a-f]{32}")
_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))

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


def said(name: str, value: Any) -> str:
    """Return one fact in words; `name` is its field's, whose `_s` means seconds."""
    if value == UNKNOWN:
        return UNREAD
    if value is None:
        return "never" if name.endswith("_s") else NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return duration(value) if name.endswith("_s") else str(value)
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Enum):
        return spoken(str(value.value))
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
    return Column(titled(field.name), field.metadata.get("why", ""))


def _row(entry: Any) -> tuple[str, ...]:
    return tuple(said(f.name, getattr(entry, f.name)) for f in dataclasses.fields(entry))


def timestamp(moment: datetime) -> str:
    """Return a time in full, in UTC: `24 November 2026, 11:45:07 UTC`."""
    return f"{moment.astimezone(UTC):%d %B %Y, %H:%M:%S} UTC".lstrip("0")


def duration(seconds: int) -> str:
    """Return a span in its two largest units: `10 minutes`, `1 hour 30 minutes`."""
    if seconds == 0:
        return "at once"
    rest = abs(seconds)
    words: list[str] = []
    for size, name in _STEPS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {name}" + ("" if count == 1 else "s"))
    return ("-" if seconds < 0 else "") + " ".join(words[:2])


def spoken(word: str) -> str:
    """Return a word of the contract as people write it: `key_exposed` is `key exposed`."""
    return word.replace("_", " ")


def titled(word: str) -> str:
    """Return a field's name as a heading: `lock_after_s` is `Lock after`."""
    text = spoken(word.removesuffix("_s"))
    return text[:1].upper() + text[1:]
