"""Reads and writes of what laptops reported.

The two statements that every report needs are hand-written and go to the driver itself.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.reading import Reading
from passmuster_server.devices.store import RATCHET_COLUMNS, Ratchet, ratchet_of
from passmuster_server.policy.store import (
    DEVICE_COLUMNS,
    DEVICE_TABLES,
    ONE_DEVICE,
    StoredDevice,
    stored_device_of,
)
from passmuster_server.reports.tables import evidence, readings, transitions
from passmuster_server.schema import to_microseconds

_OWN_COLUMNS = "d.agent_version, c.findings, c.missing_records"
_REPORTING = (
    f"SELECT {_OWN_COLUMNS}, {RATCHET_COLUMNS}, {DEVICE_COLUMNS} "  # noqa: S608 - constants
    f"FROM {DEVICE_TABLES} WHERE {ONE_DEVICE}"
)
_OWN_END = len(_OWN_COLUMNS.split(","))
_RATCHET_END = _OWN_END + len(RATCHET_COLUMNS.split(","))

_MOVE_CONTACT = (
    "INSERT INTO contacts (organisation_id, device_id, last_seen, clock_skew_s, findings, "
    "missing_records) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (organisation_id, device_id) "
    "DO UPDATE SET last_seen = excluded.last_seen, clock_skew_s = excluded.clock_skew_s, "
    "findings = excluded.findings, missing_records = excluded.missing_records"
)


@dataclass(frozen=True, slots=True)
class Reporting:
    """A device that reports: itself, its ratchet, and what it said of itself the last time."""

    agent_version: str
    findings: str
    missing_records: int
    ratchet: Ratchet
    device: StoredDevice


@dataclass(frozen=True, slots=True)
class Contact:
    """That a device was heard. `clock_skew_s` is how far its clock is ahead of ours."""

    last_seen: datetime
    clock_skew_s: int
    findings: str
    missing_records: int


def find_reporting(driver: sqlite3.Connection, organisation: str, device: str) -> Reporting | None:
    """Return all that a report is held against, or None for a device that is not enrolled."""
    row = driver.execute(_REPORTING, (organisation, device)).fetchone()
    if row is None:
        return None
    agent_version, findings, missing = row[:_OWN_END]
    return Reporting(
        agent_version,
        findings or "",
        missing or 0,
        ratchet_of(row[_OWN_END:_RATCHET_END]),
        stored_device_of(row[_RATCHET_END:]),
    )


def move_contact(
    driver: sqlite3.Connection, organisation: str, device: str, contact: Contact
) -> None:
    """Note that the device was heard."""
    driver.execute(
        _MOVE_CONTACT,
        (
            organisation,
            device,
            to_microseconds(contact.last_seen),
            contact.clock_skew_s,
            contact.findings,
            contact.missing_records,
        ),
    )


def compared(reading: Reading) -> bytes:
    """Return what makes a reading differ from another: all but when it was taken."""
    value = codec.encode(reading)
    del value["collected_at"]
    return canonical_bytes(value)


def current_readings(connection: Connection, organisation: str, device: str) -> Mapping[str, bytes]:
    """Return the stored JSON of the device's readings by signal."""
    rows = connection.execute(
        select(readings.c.signal, readings.c.reading).where(
            readings.c.organisation_id == organisation, readings.c.device_id == device
        )
    )
    return {row.signal: row.reading for row in rows}


def add_evidence(
    connection: Connection, organisation: str, device: str, now: datetime, upload: bytes
) -> int:
    """Keep a signed report verbatim and return its number."""
    added = connection.execute(
        evidence.insert().values(
            organisation_id=organisation, device_id=device, received_at=now, upload=upload
        )
    )
    (number,) = added.inserted_primary_key or (0,)
    return int(number)


def put_reading(
    connection: Connection,
    organisation: str,
    device: str,
    reading: Reading,
    now: datetime,
    evidence_id: int,
    *,
    known: bool,
) -> None:
    """Replace the signal's current reading and keep the change, with the report it came in."""
    body = canonical_bytes(codec.encode(reading))
    if known:
        connection.execute(
            update(readings)
            .where(
                readings.c.organisation_id == organisation,
                readings.c.device_id == device,
                readings.c.signal == reading.signal,
            )
            .values(reading=body, collected_at=reading.collected_at, changed_at=now)
        )
    else:
        connection.execute(
            readings.insert().values(
                organisation_id=organisation,
                device_id=device,
                signal=reading.signal,
                reading=body,
                collected_at=reading.collected_at,
                changed_at=now,
            )
        )
    connection.execute(
        transitions.insert().values(
            organisation_id=organisation,
            device_id=device,
            signal=reading.signal,
            received_at=now,
            reading=body,
            evidence_id=evidence_id,
        )
    )
