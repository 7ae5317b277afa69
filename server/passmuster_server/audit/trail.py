"""One decision of the gate, followed back to what the laptops signed.

A report that changed nothing is not kept: a verdict rests on the last report that changed each
signal, and that one is kept as it was signed, as long as the policy's retention says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.enrolment import PublicKey
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.report import REPORT_TYPE
from passmuster_server.devices import jws
from passmuster_server.devices.tables import devices, key_changes
from passmuster_server.gate.tables import decisions, gate_clients
from passmuster_server.reports.tables import evidence, transitions

MAX_STORED = 4 * 1024 * 1024


@dataclass(frozen=True)
class SignedReport:
    """A report as it was received: which signals it changed last, and whether it is authentic.

    `authentic` says that the signature is by a key that the device had. `digest` is the SHA-256 of
    what was signed.
    """

    received_at: datetime
    signals: tuple[str, ...]
    authentic: bool
    digest: str


@dataclass(frozen=True)
class DeviceTrail:
    """What a device contributed: as the decision recorded it, and the reports behind it."""

    device: str
    computer_name: str | None
    basis: Mapping[str, Any]
    reports: tuple[SignedReport, ...]


@dataclass(frozen=True)
class Trail:
    """The decision's row, the name of who asked, and each device it rests on.

    `cause` is set where no device was to blame.
    """

    decision: Row[Any]
    client: str
    cause: str
    devices: tuple[DeviceTrail, ...]


def trail_of(connection: Connection, organisation: str, decision: str) -> Trail | None:
    """Return the trail, or None for a decision that is not on record here."""
    row = connection.execute(
        select(decisions).where(
            decisions.c.organisation_id == organisation, decisions.c.decision_id == decision
        )
    ).one_or_none()
    if row is None:
        return None
    basis = strict_json.parse(row.reasons, max_bytes=MAX_STORED)
    client = connection.execute(
        select(gate_clients.c.name).where(
            gate_clients.c.organisation_id == organisation,
            gate_clients.c.client_id == row.client_id,
        )
    ).scalar()
    return Trail(
        row,
        client or row.client_id,
        basis.get("cause", ""),
        tuple(
            _device_trail(connection, organisation, each, row.decided_at)
            for each in basis.get("devices", ())
        ),
    )


def _device_trail(
    connection: Connection, organisation: str, basis: Mapping[str, Any], at: datetime
) -> DeviceTrail:
    device = basis["device"]
    known = connection.execute(
        select(devices).where(
            devices.c.organisation_id == organisation, devices.c.device_id == device
        )
    ).one_or_none()
    if known is None:
        return DeviceTrail(device, None, basis, ())
    keys = _keys(connection, known)
    return DeviceTrail(
        device,
        known.computer_name,
        basis,
        tuple(
            _signed_report(row, signals, keys)
            for row, signals in _evidence(connection, organisation, device, at)
        ),
    )


def _evidence(
    connection: Connection, organisation: str, device: str, at: datetime
) -> list[tuple[Row[Any], tuple[str, ...]]]:
    """Return the signed reports that the signals' state at a moment came in, the newest first."""
    last = (
        select(func.max(transitions.c.transition_id))
        .where(
            transitions.c.organisation_id == organisation,
            transitions.c.device_id == device,
            transitions.c.received_at <= at,
        )
        .group_by(transitions.c.signal)
    )
    signals: dict[int, list[str]] = {}
    for row in connection.execute(
        select(transitions.c.signal, transitions.c.evidence_id)
        .where(transitions.c.transition_id.in_(last))
        .order_by(transitions.c.signal)
    ):
        signals.setdefault(row.evidence_id, []).append(row.signal)
    found = connection.execute(
        select(evidence)
        .where(evidence.c.evidence_id.in_(signals))
        .order_by(evidence.c.received_at.desc())
    )
    return [(row, tuple(signals[row.evidence_id])) for row in found]


def _keys(connection: Connection, device: Row[Any]) -> Sequence[PublicKey]:
    """Return every key that the device has had."""
    before = connection.execute(
        select(key_changes.c.key_before).where(
            key_changes.c.organisation_id == device.organisation_id,
            key_changes.c.device_id == device.device_id,
        )
    ).scalars()
    return [
        codec.decode(PublicKey, strict_json.parse(raw), "public_key")
        for raw in (device.public_key, *before)
    ]


def _signed_report(
    row: Row[Any], signals: tuple[str, ...], keys: Sequence[PublicKey]
) -> SignedReport:
    try:
        unverified = jws.read_header(row.upload, REPORT_TYPE)
    except ContractError:
        return SignedReport(row.received_at, signals, authentic=False, digest="")
    return SignedReport(
        row.received_at,
        signals,
        authentic=any(_signed_by(unverified, key) for key in keys),
        digest=unverified.digest(),
    )


def _signed_by(unverified: jws.Unverified, key: PublicKey) -> bool:
    try:
        jws.verified_payload(unverified, jws.import_key(key))
    except (jws.SignatureError, ContractError):
        return False
    return True
