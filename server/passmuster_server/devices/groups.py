"""Groups of an organisation's devices: a team of its own, or a supplier's."""

import re
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from passmuster_server.devices.tables import devices, groups
from passmuster_server.schema import DEFAULT_GROUP

MAX_NAME = 64
MAX_DOMAINS = 16
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,118}[a-z0-9])?")


class GroupKind(StrEnum):
    """Whose people they are: the organisation's own, or an outsourced company's."""

    INTERNAL = "internal"
    SUPPLIER = "supplier"


class Ownership(StrEnum):
    """Whose property a device is."""

    COMPANY = "company"
    PERSONAL = "personal"


class GroupError(Exception):
    """A group that can't be made or is not there, or a device that is not; the message says it."""


class GroupExistsError(GroupError):
    """There is a group of that name."""


def create_group(
    connection: Connection,
    organisation: str,
    name: str,
    kind: GroupKind,
    now: datetime,
    owner_domains: Iterable[str] = (),
) -> str:
    """Store a group and return its id. Raises `GroupError`."""
    domains = _checked_domains(owner_domains)
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise GroupError(f"name: expected one line of 1 to {MAX_NAME} characters")
    if _named(connection, organisation, name) is not None:
        raise GroupExistsError(f"name: there is a group {name!r} already")
    group = secrets.token_hex(6)
    connection.execute(
        groups.insert().values(
            organisation_id=organisation,
            group_id=group,
            name=name,
            kind=kind.value,
            created_at=now,
            owner_domains=domains,
        )
    )
    return group


def set_owner_domains(
    connection: Connection, organisation: str, group: str, owner_domains: Iterable[str]
) -> tuple[str, ...]:
    """Store whose people a group may enrol by itself, in place of those before; return them.

    Raises `GroupError`.
    """
    domains = _checked_domains(owner_domains)
    connection.execute(
        update(groups)
        .where(groups.c.organisation_id == organisation, groups.c.group_id == group)
        .values(owner_domains=domains)
    )
    return tuple(domains.split())


def owner_domains_of(
    connection: Connection, organisation: str, of: Collection[str]
) -> frozenset[str]:
    """Return the domains of the people whom whoever decides for these groups (ids) may enrol."""
    rows = connection.execute(
        select(groups.c.owner_domains).where(
            groups.c.organisation_id == organisation, groups.c.group_id.in_(of)
        )
    )
    return frozenset(domain for row in rows for domain in row.owner_domains.split())


def create_default_group(connection: Connection, organisation: str, now: datetime) -> None:
    """Store the group of those devices that no other was named for."""
    connection.execute(
        groups.insert().values(
            organisation_id=organisation,
            group_id=DEFAULT_GROUP,
            name="Default",
            kind=GroupKind.INTERNAL.value,
            created_at=now,
        )
    )


def find_group(connection: Connection, organisation: str, name: str) -> Row[Any]:
    """Return the group of that name, written in any case. Raises `GroupError`."""
    found = _named(connection, organisation, name.strip())
    if found is None:
        raise GroupError(f"group: there is none called {name[:MAX_NAME]!r}; see: group list")
    return found


def groups_of(connection: Connection, organisation: str) -> list[Row[Any]]:
    """Return every group by name."""
    rows = connection.execute(select(groups).where(groups.c.organisation_id == organisation))
    return sorted(rows, key=lambda row: (row.name.casefold(), row.group_id))


def devices_by_group(connection: Connection, organisation: str) -> dict[str, int]:
    """Return how many devices each group has; one without any is left out."""
    rows = connection.execute(
        select(devices.c.group_id, func.count().label("number"))
        .where(devices.c.organisation_id == organisation)
        .group_by(devices.c.group_id)
    )
    return {row.group_id: row.number for row in rows}


def place_device(
    connection: Connection,
    organisation: str,
    device: str,
    *,
    group: str | None = None,
    ownership: Ownership | None = None,
) -> str:
    """Put a device into a group, or say whose it is; it has to be judged again after that.

    Returns the e-mail address of the person who has it. What is None stays as it is. Raises
    `GroupError` for a device that is not there.
    """
    values = {
        name: value
        for name, value in (("group_id", group), ("ownership", ownership))
        if value is not None
    }
    owner: str | None = connection.execute(
        update(devices)
        .where(devices.c.organisation_id == organisation, devices.c.device_id == device)
        .values(**values)
        .returning(devices.c.owner)
    ).scalar_one_or_none()
    if owner is None:
        raise GroupError("device: there is no such device")
    return owner


def _checked_domains(owner_domains: Iterable[str]) -> str:
    found = list(dict.fromkeys(each.strip().removeprefix("@").casefold() for each in owner_domains))
    if len(found) > MAX_DOMAINS:
        raise GroupError(f"owner_domains: expected {MAX_DOMAINS} at most")
    for each in found:
        if not _DOMAIN.fullmatch(each):
            raise GroupError("owner_domains: expected the part of addresses after the @")
    return " ".join(found)


def _named(connection: Connection, organisation: str, name: str) -> Row[Any] | None:
    # Compared here: the databases fold letters beyond ASCII each in their own way.
    rows = groups_of(connection, organisation)
    return next((row for row in rows if row.name.casefold() == name.casefold()), None)
