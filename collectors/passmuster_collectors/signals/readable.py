"""Facts of any signal as people read them, made from the facts' own declarations.

The console and the laptop's own `status` say them in the same words.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol, get_args, get_origin, get_type_hints

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.errors import ContractError

_KEYED_HASH = re.compile(r"[0-9a-f]{32}")
_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))

UNREAD = "could not be read"
NOTHING = "\N{EN DASH}"
AT_ONCE = "at once"
NAMES = frozenset(
    {
        *("luks1", "luks2", "bitlocker", "filevault", "zfs", "fscrypt"),
        *("owe", "wep", "wpa1 personal", "wpa1 enterprise", "wpa2 personal", "wpa2 enterprise"),
        *("wpa3 personal", "wpa3 enterprise", "Ipv4", "Ipv6", "Vpn", "uefi", "apple"),
        *("gdm", "sddm", "plasma login", "lightdm", "lxdm", "greetd", "macos", "windows"),
    }
)
"""What is called the same in every language."""


class Words(Protocol):
    """A language, as far as facts need one: a word, a length of time in seconds, a time."""

    def template(self, text: str) -> str:
        """Return a word or a sentence of ours."""

    def duration(self, seconds: int) -> str:
        """Return a length of time."""

    def moment(self, value: datetime) -> str:
        """Return a time."""


class English:
    """The words as they are written."""

    def template(self, text: str) -> str:
        """Return it as it is."""
        return text

    def duration(self, seconds: int) -> str:
        """Return the span in its two largest units."""
        return duration(seconds)

    def moment(self, value: datetime) -> str:
        """Return the time in full, in UTC."""
        return timestamp(value)


ENGLISH = English()


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


def readable(
    struct: type, facts: Mapping[str, Any] | None, words: Words = ENGLISH
) -> ReadableFacts:
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
            values.append((_column(field, words), said(field.name, value, words)))
            continue
        columns = tuple(_column(inner, words) for inner in dataclasses.fields(item))
        heading = _column(field, words)
        rows = tuple(_row(entry, words) for entry in value)
        tables.append(FactTable(heading.heading, heading.why, columns, rows))
    return ReadableFacts(tuple(values), tuple(tables))


def texts_of(struct: type) -> Iterator[str]:
    """Yield what is said of these facts in the words of the reader's language."""
    hints = get_type_hints(struct)
    for field in dataclasses.fields(struct):
        column = _column(field, ENGLISH)
        yield from (each for each in (column.heading, column.why) if each not in NAMES)
        yield from (each for each in _values(hints[field.name]) if each not in NAMES)
    yield from (UNREAD, AT_ONCE, "never", "yes", "no", "none")


def _values(hint: Any) -> Iterator[str]:
    """Yield the words of the values that a field can have, or the items of its list."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        yield from (spoken(str(each.value)) for each in hint)
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield from texts_of(hint)
    for inner in get_args(hint):
        yield from _values(inner)


def said(name: str, value: Any, words: Words = ENGLISH) -> str:
    """Return one fact in words; `name` is its field's, whose `_s` means seconds."""
    if value == UNKNOWN:
        return words.template(UNREAD)
    if value is None:
        return words.template("never") if name.endswith("_s") else NOTHING
    if isinstance(value, bool):
        return words.template("yes" if value else "no")
    if isinstance(value, int):
        return _number(name, value, words)
    if isinstance(value, datetime):
        return words.moment(value)
    if isinstance(value, Enum):
        return words.template(spoken(str(value.value)))
    if isinstance(value, tuple):
        return ", ".join(said(name, item, words) for item in value) or words.template("none")
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


def _number(name: str, value: int, words: Words) -> str:
    if not name.endswith("_s"):
        return str(value)
    return words.duration(value) if value else words.template(AT_ONCE)


def _column(field: "dataclasses.Field[Any]", words: Words) -> Column:
    why = field.metadata.get("why", "")
    return Column(words.template(titled(field.name)), words.template(why) if why else "")


def _row(entry: Any, words: Words) -> tuple[str, ...]:
    return tuple(said(f.name, getattr(entry, f.name), words) for f in dataclasses.fields(entry))


def timestamp(moment: datetime) -> str:
    """Return a time in full, in UTC: `24 November 2026, 11:45:07 UTC`."""
    return f"{moment.astimezone(UTC):%d %B %Y, %H:%M:%S} UTC".lstrip("0")


def duration(seconds: int) -> str:
    """Return a span in its two largest units: `10 minutes`, `1 hour 30 minutes`."""
    if seconds == 0:
        return AT_ONCE
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
