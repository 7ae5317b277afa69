"""KConfig files, the settings of KDE: ini files in a cascade, with parts that IT can lock.

Format: KDE's KConfig, `kconfigini.cpp`. `[Group][Subgroup]` opens a group; `[$i]` behind a group or
a key locks it against the files that come later, and alone at the top of a file locks them out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Group = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One key's value, None where it was deleted; `locked` when nothing after can change it."""

    value: str | None
    locked: bool = False


@dataclass
class File:
    """One file as it stands, before the others of its cascade are known."""

    entries: dict[tuple[Group, str], Entry] = field(default_factory=dict)
    locked_groups: set[Group] = field(default_factory=set)
    locked: bool = False


@dataclass(frozen=True)
class Config:
    """What a cascade of files comes to."""

    entries: Mapping[tuple[Group, str], Entry]
    locked_groups: frozenset[Group]
    locked: bool

    def value(self, group: Group, key: str) -> str | None:
        """Return the value that counts, or None where no file has one."""
        entry = self.entries.get((group, key))
        return None if entry is None else entry.value

    def is_locked(self, group: Group, key: str) -> bool:
        """Whether no later file can change that key."""
        entry = self.entries.get((group, key))
        return self.locked or group in self.locked_groups or (entry is not None and entry.locked)


def merge(*cascades: Iterable[File]) -> Config:
    """Return what cascades of files come to, from what counts least to what counts most.

    A locked file shuts out the files after it in its own cascade. The last cascade is the one whose
    lock is told.
    """
    entries: dict[tuple[Group, str], Entry] = {}
    locked_groups: set[Group] = set()
    shut = False
    for cascade in cascades:
        shut = False
        for file in cascade:
            for place, entry in file.entries.items():
                known = entries.get(place)
                if place[0] not in locked_groups and not (known is not None and known.locked):
                    entries[place] = entry
            locked_groups |= file.locked_groups
            if file.locked:
                shut = True
                break
    return Config(entries, frozenset(locked_groups), shut)


def parse(content: bytes) -> File:
    """Return one file's entries. Lines that are neither a group nor an entry are passed over.

    Raises `ValueError` for what is no text: such a file would otherwise leave everything at its
    default.
    """
    text = content.decode("utf-8")
    if "\0" in text:
        raise ValueError("holds a NUL character")
    file = File()
    header: Header | None = Header((), locked=False)
    for raw in text.split("\n"):
        line = raw.strip()
        if line.startswith("["):
            header = _open(line, header, file)
        elif header is not None and line and not line.startswith("#"):
            _add(line, header, file)
    return file


@dataclass(frozen=True)
class Header:
    """A line that opens a group, and whether it locks what follows."""

    group: Group
    locked: bool


def _open(line: str, before: Header | None, file: File) -> Header | None:
    """Return the header that `line` is; one without its end is none, and changes nothing."""
    parts: list[str] = []
    rest = line
    locked = False
    while rest.startswith("["):
        name, closing, rest = rest[1:].partition("]")
        if not closing:
            return before
        if name.startswith("$"):
            locked = locked or "i" in name
        else:
            parts.append(name)
    if not parts:
        file.locked = file.locked or locked
        return None
    if locked:
        file.locked_groups.add(tuple(parts))
    return Header(tuple(parts), locked or file.locked)


def _add(line: str, header: Header, file: File) -> None:
    key, equals, value = (part.strip() for part in line.partition("="))
    options = ""
    while key.endswith("]") and "[" in key:
        key, _, option = key[:-1].rpartition("[")
        if not option.startswith("$"):
            return  # the same text in another language
        options += option
    if not equals and "d" not in options:
        return
    known = file.entries.get((header.group, key))
    if known is not None and known.locked:
        return  # the first one that is locked stays, in its own file too
    locked = header.locked or "i" in options
    file.entries[header.group, key] = Entry(None if "d" in options else value, locked)


def truth(text: str) -> bool:
    """Return the truth value that KConfig reads in `text`."""
    return text.strip().lower() not in ("false", "no", "off", "0")


def number(text: str) -> float:
    """Return the number in `text`; `ValueError` where it is none."""
    value = float(text)
    if not 0 <= abs(value) < 1e9:
        raise ValueError("not a number of use")
    return value
