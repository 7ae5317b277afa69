"""Reads and writes of what laptops reported."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select, update

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.reading import Reading
from passmuster_server.reports.tables import contacts, readings, transitions


def compared(reading: Reading) -> bytes:
    """Return what makes a reading differ from another: all but when it was taken."""
    value = codec.encode(reading)
    del value["collected_at"]
    return canonical_bytes(value)


def move_contact(
    connection: Connection,
    organisation: str,
    device: str,
    now: datetime,
    clock_skew_s: int,
    evidence: bytes | None,
) -> None:
    """Note that the device was heard; `evidence` replaces the kept report unless it is None."""
    values: dict[str, object] = {"last_seen": now, "clock_skew_s": clock_skew_s}
    if evidence is not None:
        values["evidence"] = evidence
    moved = connection.execute(
        update(contacts)
        .where(contacts.c.organisation_id == organisation, contacts.c.device_id == device)
        .values(**values)
    )
    if moved.rowcount == 0:
        connection.execute(
            contacts.insert().values(
                organisation_id=organisation,
                device_id=device,
                last_seen=now,
                clock_skew_s=clock_skew_s,
                evidence=evidence or b"",
            )
        )


def current_readings(connection: Connection, organisation: str, device: str) -> Mapping[str, bytes]:
    """Return the stored JSON of the device's readings by signal."""
    rows = connection.execute(
        select(readings.c.signal, readings.c.reading).where(
            readings.c.organisation_id == organisation, readings.c.device_id == device
        )
    )
    return {row.signal: row.reading for row in rows}


def put_reading(
    connection: Connection,
    organisation: str,
    device: str,
    reading: Reading,
    now: datetime,
    evidence: bytes,
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
            evidence=evidence,
        )
    )


def drop_reading(connection: Connection, organisation: str, device: str, signal: str) -> None:
    """Forget the current reading of a signal that the device no longer reports."""
    connection.execute(
        readings.delete().where(
            readings.c.organisation_id == organisation,
            readings.c.device_id == device,
            readings.c.signal == signal,
        )
    )
