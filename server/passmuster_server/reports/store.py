"""Reads and writes of what laptops reported. Its statements are hand-written: they are hot."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from passmuster_collectors.contract.reading import Reading
from passmuster_server.database import Transaction
from passmuster_server.devices.ratchets import RATCHET_COLUMNS, Ratchet, ratchet_of
from passmuster_server.engines import POSTGRESQL
from passmuster_server.policy.stored_devices import (
    DEVICE_COLUMNS,
    DEVICE_TABLES,
    ONE_DEVICE,
    StoredDevice,
    hold_device,
    hold_devices,
    stored_device_of,
)
from passmuster_server.reports.requests import REQUEST_COLUMNS, Request, request_of
from passmuster_server.schema import to_microseconds
from passmuster_server.statements import RowStatement

_OWN_COLUMNS = "d.agent_version, d.thumbprint, c.findings, c.missing_records, " + REQUEST_COLUMNS
_REPORTING = (
    f"SELECT {_OWN_COLUMNS}, {RATCHET_COLUMNS}, {DEVICE_COLUMNS} "  # noqa: S608 - constants
    f"FROM {DEVICE_TABLES} WHERE {ONE_DEVICE}"
)
_MANY_REPORTING = (
    f"SELECT {_OWN_COLUMNS}, {RATCHET_COLUMNS}, {DEVICE_COLUMNS} "  # noqa: S608 - constants
    f"FROM {DEVICE_TABLES} WHERE d.organisation_id = ? AND d.device_id "
)
_ONE_OF_ARRAY = "= ANY(?)"
_ONE_OF_JSON = "IN (SELECT value FROM json_each(?))"
_OWN_END = len(_OWN_COLUMNS.split(","))
_RATCHET_END = _OWN_END + len(RATCHET_COLUMNS.split(","))

_CONTACT_COLUMNS = (
    "organisation_id, device_id, last_seen, clock_skew_s, findings, missing_records, address_code"
)
_CONTACT_CONFLICT = (
    "ON CONFLICT (organisation_id, device_id) DO UPDATE SET last_seen = excluded.last_seen, "
    "clock_skew_s = excluded.clock_skew_s, findings = excluded.findings, "
    "missing_records = excluded.missing_records, address_code = excluded.address_code"
)
_MOVE_CONTACT = RowStatement(
    f"INSERT INTO contacts ({_CONTACT_COLUMNS}) "  # noqa: S608 - constants
    f"VALUES (?, ?, ?, ?, ?, ?, ?) {_CONTACT_CONFLICT}",
    f"INSERT INTO contacts ({_CONTACT_COLUMNS}) "  # noqa: S608 - constants
    "SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::integer[], %s::text[], "
    f"%s::bigint[], %s::text[]) {_CONTACT_CONFLICT}",
)

_READINGS = "SELECT signal, reading FROM readings WHERE organisation_id = ? AND device_id = ?"
_PUT_READING = (
    "INSERT INTO readings (organisation_id, device_id, signal, reading, collected_at, changed_at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (organisation_id, device_id, signal) "
    "DO UPDATE SET reading = excluded.reading, collected_at = excluded.collected_at, "
    "changed_at = excluded.changed_at"
)
_ADD_EVIDENCE = (
    "INSERT INTO evidence (organisation_id, device_id, received_at, upload) VALUES (?, ?, ?, ?) "
    "RETURNING evidence_id"
)
_ADD_TRANSITION = (
    "INSERT INTO transitions (organisation_id, device_id, signal, received_at, reading, "
    "evidence_id) VALUES (?, ?, ?, ?, ?, ?)"
)


class Reporting(msgspec.Struct, frozen=True):
    """A device that reports: itself, its ratchet, and what it said of itself the last time."""

    agent_version: str
    thumbprint: str
    findings: str
    missing_records: int
    request: Request | None
    ratchet: Ratchet
    device: StoredDevice


class Contact(msgspec.Struct, frozen=True):
    """That a device was heard. `clock_skew_s` is how far its clock is ahead of ours."""

    last_seen: datetime
    clock_skew_s: int
    findings: str
    missing_records: int
    address_code: str | None


def find_reporting(transaction: Transaction, organisation: str, device: str) -> Reporting | None:
    """Return all that a report is held against, or None for a device that is not enrolled.

    Nobody else moves the device on before the transaction has ended. What `find_many_reporting` has
    read ahead for this write is taken.
    """
    ahead: Reporting | None = transaction.ahead
    if ahead is not None:
        return ahead
    hold_device(transaction, organisation, device)
    row = transaction.run(_REPORTING, (organisation, device)).fetchone()
    return None if row is None else _reporting_of(row)


def find_many_reporting(
    transaction: Transaction, keys: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], Reporting]:
    """Return the same by (organisation, device) of many devices."""
    found: dict[tuple[str, str], Reporting] = {}
    for organisation in dict.fromkeys(organisation for organisation, _ in keys):
        named = [device for owner, device in keys if owner == organisation]
        hold_devices(transaction, organisation, named)
        if transaction.backend == POSTGRESQL:
            found_rows = transaction.run(_MANY_REPORTING + _ONE_OF_ARRAY, (organisation, named))
        else:
            as_json = msgspec.json.encode(named).decode("ascii")
            found_rows = transaction.run(_MANY_REPORTING + _ONE_OF_JSON, (organisation, as_json))
        for row in found_rows.fetchall():
            reporting = _reporting_of(row)
            found[organisation, reporting.device.device] = reporting
    return found


def _reporting_of(row: Sequence[Any]) -> Reporting:
    agent_version, thumbprint, findings, missing, *request = row[:_OWN_END]
    return Reporting(
        agent_version,
        thumbprint,
        findings or "",
        missing or 0,
        request_of(request),
        ratchet_of(row[_OWN_END:_RATCHET_END]),
        stored_device_of(row[_RATCHET_END:]),
    )


def move_contact(
    transaction: Transaction, organisation: str, device: str, contact: Contact
) -> None:
    """Note that the device was heard."""
    transaction.put_off(
        _MOVE_CONTACT,
        (
            organisation,
            device,
            to_microseconds(contact.last_seen),
            contact.clock_skew_s,
            contact.findings,
            contact.missing_records,
            contact.address_code,
        ),
    )


def current_readings(
    transaction: Transaction, organisation: str, device: str
) -> Mapping[str, bytes]:
    """Return the stored JSON of the device's readings by signal."""
    return dict(transaction.run(_READINGS, (organisation, device)).fetchall())


def add_evidence(
    transaction: Transaction, organisation: str, device: str, now: datetime, upload: bytes
) -> int:
    """Keep a signed report verbatim and return its number."""
    added = transaction.run(_ADD_EVIDENCE, (organisation, device, to_microseconds(now), upload))
    (number,) = added.fetchone()
    return int(number)


def put_reading(
    transaction: Transaction,
    organisation: str,
    device: str,
    reading: Reading,
    body: bytes,
    now: datetime,
    evidence_id: int,
) -> None:
    """Replace the signal's current reading and keep the change, with the report it came in.

    `body` are the reading's canonical bytes.
    """
    at = to_microseconds(now)
    collected_at = to_microseconds(reading.collected_at)
    named = (organisation, device, reading.signal)
    transaction.run(_PUT_READING, (*named, body, collected_at, at))
    transaction.run(_ADD_TRANSITION, (*named, at, body, evidence_id))
