"""What is stored of a device and a judgement needs: one row over the areas' tables."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection

from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Transaction
from passmuster_server.devices.groups import Ownership
from passmuster_server.engines import POSTGRESQL, run
from passmuster_server.policy.overlays import Subject
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.schema import from_microseconds


class StoredVerdict(msgspec.Struct, frozen=True):
    """A device's row of `verdicts`; `signals` as `write_signals` wrote them."""

    verdict: Verdict
    since: datetime
    judged_at: datetime
    policy_version: int
    basis: str
    grace_until: datetime | None
    signals: bytes
    revision: int = 0


class StoredDevice(msgspec.Struct, frozen=True):
    """What a judgement needs to know of one device.

    `sequence` is that of its last upload, and 0 when it has not reported since it was enrolled or
    enrolled again: then what is stored of earlier reports no longer speaks for it. `group` is its
    group's id, while `subject` has the name, by which policies know it.
    """

    organisation: str
    device: str
    owner: str
    computer_name: str
    platform: Platform
    status: DeviceStatus
    enrolled_at: datetime
    sequence: int
    last_seen: datetime | None
    verdict: StoredVerdict | None
    group: str
    subject: Subject


DEVICE_COLUMNS = (
    "d.organisation_id, d.device_id, d.owner, d.computer_name, d.platform, d.status, "
    "d.enrolled_at, r.sequence, c.last_seen, v.verdict, v.since, v.judged_at, v.policy_version, "
    "v.basis, v.grace_until, v.signals, v.revision, d.group_id, g.name, d.ownership, d.tier"
)
DEVICE_TABLES = (
    "devices AS d JOIN ratchets AS r USING (organisation_id, device_id) "
    "LEFT JOIN groups AS g USING (organisation_id, group_id) "
    "LEFT JOIN contacts AS c USING (organisation_id, device_id) "
    "LEFT JOIN verdicts AS v USING (organisation_id, device_id)"
)
ONE_DEVICE = "d.organisation_id = ? AND d.device_id = ?"
"""Hand-written: each report asks for its device once, and the server for all of them at start."""

_EVERY_DEVICE = f"SELECT {DEVICE_COLUMNS} FROM {DEVICE_TABLES}"  # noqa: S608 - constants
_THE_DEVICE = f"{_EVERY_DEVICE} WHERE {ONE_DEVICE}"

_DEVICES_OF = f"{_EVERY_DEVICE} WHERE d.organisation_id = ? AND d.device_id IN"
SOME_AT_ONCE = 500

_HOLD_DEVICE = "SELECT 1 FROM devices WHERE organisation_id = ? AND device_id = ? FOR UPDATE"

_HOLD_DEVICES = (
    "SELECT 1 FROM devices WHERE organisation_id = ? AND device_id = ANY(?) "
    "ORDER BY device_id FOR UPDATE"
)


def stored_device_of(row: Sequence[Any]) -> StoredDevice:
    """Return the device in a row of `DEVICE_COLUMNS`."""
    (
        organisation,
        device,
        owner,
        computer_name,
        platform,
        status,
        enrolled_at,
        sequence,
        last_seen,
        verdict,
        since,
        judged_at,
        policy_version,
        basis,
        grace_until,
        signals,
        revision,
        group,
        group_name,
        ownership,
        tier,
    ) = row
    subject = _subject_of(platform, group_name or "", ownership, tier)
    return StoredDevice(
        organisation,
        device,
        owner,
        computer_name,
        subject.platform,
        DeviceStatus(status),
        from_microseconds(enrolled_at),
        sequence,
        from_microseconds(last_seen) if last_seen is not None and sequence else None,
        None
        if verdict is None
        else StoredVerdict(
            Verdict(verdict),
            from_microseconds(since),
            from_microseconds(judged_at),
            policy_version,
            basis,
            None if grace_until is None else from_microseconds(grace_until),
            signals,
            revision,
        ),
        group,
        subject,
    )


# A fleet has few kinds of laptops, and an enumeration is slow to find its members.
@lru_cache(maxsize=1024)
def _subject_of(platform: str, group_name: str, ownership: str, tier: str) -> Subject:
    return Subject(Platform(platform), group_name, Ownership(ownership), KeyTier(tier))


def hold_device(transaction: Transaction, organisation: str, device: str) -> None:
    """Let nobody else change what is known of the device before the transaction has ended.

    SQLite has one writer at a time. On PostgreSQL the device's row stands for all that belongs to
    it; what is read next is from after the wait.
    """
    if transaction.backend == POSTGRESQL:
        transaction.run(_HOLD_DEVICE, (organisation, device))


def hold_devices(transaction: Transaction, organisation: str, devices: Sequence[str]) -> None:
    """Do the same for many devices, always in one order, so that no two wait for each other."""
    if transaction.backend == POSTGRESQL:
        transaction.run(_HOLD_DEVICES, (organisation, list(devices)))


def stored_device(connection: Connection, organisation: str, device: str) -> StoredDevice | None:
    """Return what is known of one device, or None where there is none."""
    row = run(connection, _THE_DEVICE, (organisation, device)).one_or_none()
    return None if row is None else stored_device_of(row)


def stored_devices(connection: Connection) -> Iterator[StoredDevice]:
    """Return what is known of every device of every organisation."""
    for row in run(connection, _EVERY_DEVICE):
        yield stored_device_of(row)


def some_devices(
    connection: Connection, organisation: str, names: Sequence[str]
) -> Iterator[StoredDevice]:
    """Return what is known of those of these devices that are enrolled."""
    for begin in range(0, len(names), SOME_AT_ONCE):
        some = names[begin : begin + SOME_AT_ONCE]
        marks = ", ".join("?" * len(some))
        for row in run(connection, f"{_DEVICES_OF} ({marks})", (organisation, *some)):
            yield stored_device_of(row)
