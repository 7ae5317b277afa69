"""Waivers: that one signal of one device shuts nobody out for a while."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from passmuster_server.changes import announce
from passmuster_server.devices.tables import devices
from passmuster_server.policy.demands import JUDGED
from passmuster_server.policy.tables import waivers

LONGEST = timedelta(days=366)
MAX_REASON = 512


class WaiverError(Exception):
    """A waiver that can't be granted or ended; the message says what is wrong."""


def waived_each(
    connection: Connection, organisation: str, now: datetime
) -> Mapping[str, Mapping[str, datetime]]:
    """Return which signals are waived at `now` and until when, by device."""
    rows = connection.execute(
        select(waivers.c.device_id, waivers.c.signal, waivers.c.expires_at)
        .where(
            waivers.c.organisation_id == organisation,
            waivers.c.expires_at > now,
            waivers.c.ended_at.is_(None),
        )
        .order_by(waivers.c.expires_at)
    )
    found: dict[str, dict[str, datetime]] = {}
    for row in rows:
        found.setdefault(row.device_id, {})[row.signal] = row.expires_at
    return found


@dataclass(frozen=True)
class Waived:
    """Which waiver of which device, and whose that is."""

    waiver: str
    device: str
    owner: str
    signal: str


def grant(
    connection: Connection,
    organisation: str,
    device: str,
    signal: str,
    reason: str,
    until: datetime,
    by: str,
    now: datetime,
) -> Waived:
    """Store a waiver, have the device judged again, and return it.

    Raises `WaiverError`.
    """
    if signal not in {each.id for each in JUDGED}:
        raise WaiverError(f"signal: there is none of this name; {', '.join(_names())}")
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise WaiverError(f"reason: expected one line of 1 to {MAX_REASON} characters")
    if not now < until <= now + LONGEST:
        raise WaiverError(f"until: expected a time within the next {LONGEST.days} days")
    found = connection.execute(
        select(devices.c.owner).where(
            devices.c.organisation_id == organisation, devices.c.device_id == device
        )
    ).first()
    if found is None:
        raise WaiverError("device: there is no such device")
    waiver = secrets.token_hex(6)
    connection.execute(
        waivers.insert().values(
            organisation_id=organisation,
            waiver_id=waiver,
            device_id=device,
            signal=signal,
            reason=reason,
            granted_by=by,
            granted_at=now,
            expires_at=until,
        )
    )
    announce(connection, organisation, device)
    return Waived(waiver, device, found.owner, signal)


def end(connection: Connection, organisation: str, waiver: str, by: str, now: datetime) -> Waived:
    """End a waiver before its time and return it.

    Raises `WaiverError` where there is none that lasts.
    """
    key = (waivers.c.organisation_id == organisation, waivers.c.waiver_id == waiver)
    found = next(iter(all_waivers(connection, organisation, waiver)), None)
    ended = connection.execute(
        update(waivers)
        .where(*key, waivers.c.ended_at.is_(None), waivers.c.expires_at > now)
        .values(ended_at=now, ended_by=by)
    )
    if found is None or ended.rowcount != 1:
        raise WaiverError("there is no such waiver in force")
    announce(connection, organisation, found.device_id)
    return Waived(waiver, found.device_id, found.owner, found.signal)


def all_waivers(
    connection: Connection, organisation: str, waiver: str | None = None
) -> list[Row[Any]]:
    """Return every waiver, or one, with its device's owner and name, the newest first."""
    statement = (
        select(waivers, devices.c.owner, devices.c.computer_name)
        .join(
            devices,
            (devices.c.organisation_id == waivers.c.organisation_id)
            & (devices.c.device_id == waivers.c.device_id),
        )
        .where(waivers.c.organisation_id == organisation)
        .order_by(waivers.c.granted_at.desc(), waivers.c.waiver_id)
    )
    if waiver is not None:
        statement = statement.where(waivers.c.waiver_id == waiver)
    return list(connection.execute(statement).all())


def _names() -> tuple[str, ...]:
    return tuple(signal.id for signal in JUDGED)
