"""Reads and writes of policies, verdicts and their history."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import Connection, Row, func, select

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.declaration import Items
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.devices.tables import devices, ratchets
from passmuster_server.policy.standing import DeviceStatus, SignalStanding, Standing
from passmuster_server.policy.tables import policies, verdict_history, verdicts
from passmuster_server.reports.tables import contacts, readings

MAX_STORED = 4 * 1024 * 1024
DEPTH = 32


@dataclass(frozen=True)
class _Signals:
    signals: Annotated[tuple[SignalStanding, ...], Items(64)]


@dataclass(frozen=True)
class Stored:
    """What is known of one device: its row, its last contact, its verdict so far."""

    device: Row[Any]
    sequence: int
    last_seen: datetime | None
    verdict: Row[Any] | None

    @property
    def signals(self) -> tuple[SignalStanding, ...]:
        """How the signals were judged the last time."""
        return () if self.verdict is None else read_signals(self.verdict.signals)


def read_signals(stored: bytes) -> tuple[SignalStanding, ...]:
    """Return the signals of a `verdicts` row."""
    value = strict_json.parse(stored, max_bytes=MAX_STORED, max_depth=DEPTH)
    return codec.decode(_Signals, value).signals


def write_signals(signals: tuple[SignalStanding, ...]) -> bytes:
    """Return the signals as a `verdicts` row keeps them."""
    return canonical_bytes(codec.encode(_Signals(signals)))


def newest_policies(connection: Connection) -> list[Row[Any]]:
    """Return the policy in force of every organisation."""
    newest = (
        select(policies.c.organisation_id, func.max(policies.c.version).label("version"))
        .group_by(policies.c.organisation_id)
        .subquery()
    )
    statement = select(policies).join(
        newest,
        (policies.c.organisation_id == newest.c.organisation_id)
        & (policies.c.version == newest.c.version),
    )
    return list(connection.execute(statement).all())


def insert_policy(
    connection: Connection, organisation: str, document: str, now: datetime, by: str
) -> int:
    """Store the next version and return its number."""
    newest = connection.execute(
        select(func.max(policies.c.version)).where(policies.c.organisation_id == organisation)
    ).scalar()
    version = (newest or 0) + 1
    connection.execute(
        policies.insert().values(
            organisation_id=organisation,
            version=version,
            document=document,
            published_at=now,
            published_by=by,
        )
    )
    return version


def stored_devices(
    connection: Connection, organisation: str | None = None, device: str | None = None
) -> Iterable[Stored]:
    """Return what is known of the devices: all, an organisation's, or one."""
    same = [
        (table.c.organisation_id == devices.c.organisation_id)
        & (table.c.device_id == devices.c.device_id)
        for table in (ratchets, contacts, verdicts)
    ]
    statement = (
        select(devices, ratchets.c.sequence, contacts.c.last_seen)
        .join(ratchets, same[0])
        .outerjoin(contacts, same[1])
    )
    found = select(verdicts)
    if organisation is not None:
        statement = statement.where(devices.c.organisation_id == organisation)
        found = found.where(verdicts.c.organisation_id == organisation)
    if device is not None:
        statement = statement.where(devices.c.device_id == device)
        found = found.where(verdicts.c.device_id == device)
    judged = {(row.organisation_id, row.device_id): row for row in connection.execute(found)}
    for row in connection.execute(statement).all():
        verdict = judged.get((row.organisation_id, row.device_id))
        yield Stored(row, row.sequence, row.last_seen, verdict)


def readings_of(connection: Connection, organisation: str, device: str) -> Mapping[str, Reading]:
    """Return the device's current reading of each signal."""
    rows = connection.execute(
        select(readings.c.signal, readings.c.reading).where(
            readings.c.organisation_id == organisation, readings.c.device_id == device
        )
    )
    return {row.signal: codec.decode(Reading, strict_json.parse(row.reading)) for row in rows}


def save_verdict(connection: Connection, before: Row[Any] | None, standing: Standing) -> None:
    """Store the verdict where it differs from `before`; a change of it goes into the history."""
    values = {
        "verdict": standing.verdict.value,
        "since": standing.since,
        "judged_at": standing.judged_at,
        "policy_version": standing.policy_version,
        "grace_until": standing.grace_until,
        "signals": write_signals(standing.signals),
    }
    key = {"organisation_id": standing.organisation, "device_id": standing.device}
    if before is None:
        connection.execute(verdicts.insert().values(**key, **values))
    elif any(getattr(before, name) != values[name] for name in values if name != "judged_at"):
        connection.execute(
            verdicts.update()
            .where(
                verdicts.c.organisation_id == standing.organisation,
                verdicts.c.device_id == standing.device,
            )
            .values(**values)
        )
    if before is None or before.verdict != standing.verdict.value:
        connection.execute(
            verdict_history.insert().values(
                **key,
                since=standing.since,
                verdict=standing.verdict.value,
                policy_version=standing.policy_version,
                reasons=canonical_bytes([reason.admin for reason in standing.reasons]),
            )
        )


def standing_of(
    stored: Stored,
    *,
    verdict: Verdict,
    since: datetime,
    judged_at: datetime | None,
    max_age_s: int,
    grace_until: datetime | None,
    policy_version: int,
    signals: tuple[SignalStanding, ...],
) -> Standing:
    """Return the standing of a stored device under the given verdict."""
    device = stored.device
    return Standing(
        organisation=device.organisation_id,
        device=device.device_id,
        owner=device.owner,
        computer_name=device.computer_name,
        platform=Platform(device.platform),
        status=DeviceStatus(device.status),
        verdict=verdict,
        since=since,
        judged_at=judged_at,
        last_seen=stored.last_seen,
        max_age_s=max_age_s,
        grace_until=grace_until,
        policy_version=policy_version,
        report_sequence=stored.sequence,
        signals=signals,
    )
