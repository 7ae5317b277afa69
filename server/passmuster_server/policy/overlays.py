"""What differs for some devices: tables by system, ownership and group, one over the other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import Whole
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_server.devices.groups import MAX_NAME, Ownership
from passmuster_server.policy.demands import DAY_S, check_tables

MAX_GROUPS = 256


class Subject(msgspec.Struct, frozen=True):
    """What of a device decides which tables count for it; `group` is its group's name."""

    platform: Platform
    group: str = ""
    ownership: Ownership = Ownership.COMPANY
    tier: KeyTier = KeyTier.FILE


@dataclass(frozen=True)
class Overlay:
    """Tables that count for the devices that are all of what is not None.

    `key` is where they stand in the document, `group` the group's name in one case.
    """

    key: str
    platform: Platform | None
    ownership: Ownership | None
    group: str | None
    max_age_s: int | None
    signals: Mapping[str, Any]

    def covers(self, subject: Subject) -> bool:
        """Return whether it counts for a device."""
        return (
            self.platform in (None, subject.platform)
            and self.ownership in (None, subject.ownership)
            and self.group in (None, subject.group.casefold())
        )


MaxAge = Annotated[int, Whole(60, 7 * DAY_S)]


@dataclass(frozen=True)
class PlatformTable:
    """What differs on one system."""

    max_age_s: MaxAge | None = None
    signals: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ScopeTable:
    """What differs for one group or kind of ownership, and there on one system."""

    max_age_s: MaxAge | None = None
    signals: Mapping[str, Any] = field(default_factory=dict)
    platforms: Mapping[str, Any] = field(default_factory=dict)


def overlays_of(
    platforms: Mapping[str, Any], ownership: Mapping[str, Any], groups: Mapping[str, Any]
) -> tuple[Overlay, ...]:
    """Return the overlays of a document, in the order in which one counts over the other.

    A group's counts over that of an ownership, which counts over that of a system; what any of them
    says of one system counts over what it says of all. Raises `ContractError`.
    """
    if len(groups) > MAX_GROUPS:
        raise ContractError("groups", f"more than {MAX_GROUPS}")
    found = [*_of_platforms(platforms, "platforms", None, None)]
    for name, table in ownership.items():
        key = f"ownership.{name[:64]}"
        if name not in set(Ownership):
            raise ContractError(key, f"expected one of {', '.join(Ownership)}")
        found.extend(_of_scope(table, key, Ownership(name), None))
    names: set[str] = set()
    for name, table in groups.items():
        key = f"groups.{quoted(name[:MAX_NAME])}"
        folded = name.casefold()
        if folded in names:
            raise ContractError(key, "the group has a table already")
        names.add(folded)
        found.extend(_of_scope(table, key, None, folded))
    return tuple(found)


def says(table: Any, names: Iterable[str]) -> bool:
    """Return whether a table sets what is found by these names, one inside of the other."""
    for name in names:
        if not isinstance(table, Mapping) or name not in table:
            return False
        table = table[name]
    return True


def quoted(name: str) -> str:
    """Return a name as TOML writes it in a key."""
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _of_scope(
    table: Any, key: str, ownership: Ownership | None, group: str | None
) -> Iterator[Overlay]:
    read = codec.decode(ScopeTable, table, key)
    check_tables(read.signals, f"{key}.signals")
    yield Overlay(key, None, ownership, group, read.max_age_s, read.signals)
    yield from _of_platforms(read.platforms, f"{key}.platforms", ownership, group)


def _of_platforms(
    tables: Mapping[str, Any], key: str, ownership: Ownership | None, group: str | None
) -> Iterator[Overlay]:
    for name, table in tables.items():
        here = f"{key}.{name[:64]}"
        if name not in set(Platform):
            raise ContractError(here, f"expected one of {', '.join(Platform)}")
        read = codec.decode(PlatformTable, table, here)
        check_tables(read.signals, f"{here}.signals")
        yield Overlay(here, Platform(name), ownership, group, read.max_age_s, read.signals)


def named_groups(overlays: Iterable[Overlay]) -> Mapping[str, str]:
    """Return the groups that have tables, as in one case, with the keys of these."""
    return {each.group: each.key for each in reversed(tuple(overlays)) if each.group is not None}
