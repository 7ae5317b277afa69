"""The history of each device's key: which key and which tier gave way to which."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.devices.tables import devices, key_changes

_STRENGTH = tuple(KeyTier)
"""From the strongest to the weakest."""


class KeyChange(StrEnum):
    """How it came about."""

    ROTATED = "rotated"
    """The old key and the new one signed it."""

    REPLACED = "replaced"
    """A person enrolled this device with a code that IT made for it to replace another."""

    ENROLLED_AGAIN = "enrolled_again"
    """The same key was enrolled again and says to be kept elsewhere now."""


def add_change(
    connection: Connection,
    device: str,
    kind: KeyChange,
    now: datetime,
    *,
    before: Row[Any],
    key: PublicKey,
    tier: KeyTier,
    message: bytes | None = None,
) -> None:
    """Note that `key` is the device's now, in place of the key of the row `before`.

    `message` is what both keys signed, kept verbatim. A weaker place goes on record.
    """
    connection.execute(
        key_changes.insert().values(
            organisation_id=before.organisation_id,
            device_id=device,
            changed_at=now,
            kind=kind.value,
            key_before=before.public_key,
            fingerprint_before=before.fingerprint,
            fingerprint_after=key.fingerprint(),
            tier_before=before.tier,
            tier_after=tier.value,
            message=message,
        )
    )
    if _STRENGTH.index(tier) > _STRENGTH.index(KeyTier(before.tier)):
        event = Event(
            Action.KEY_WEAKENED,
            subject=device,
            person=before.owner,
            details={"before": before.tier, "after": tier.value, "by": kind.value},
        )
        record(connection, before.organisation_id, event, now)


def set_key(
    connection: Connection, organisation: str, device: str, key: PublicKey, tier: KeyTier
) -> None:
    """Make `key` the only one that the device's messages are verified with."""
    connection.execute(
        update(devices)
        .where(devices.c.organisation_id == organisation, devices.c.device_id == device)
        .values(
            public_key=canonical_bytes(codec.encode(key)),
            thumbprint=key.thumbprint(),
            fingerprint=key.fingerprint(),
            tier=tier.value,
        )
    )


def last_rotation(connection: Connection, organisation: str, device: str) -> Row[Any] | None:
    """Return the newest rotation of a device."""
    return connection.execute(
        select(key_changes)
        .where(
            key_changes.c.organisation_id == organisation,
            key_changes.c.device_id == device,
            key_changes.c.kind == KeyChange.ROTATED.value,
        )
        .order_by(key_changes.c.change_id.desc())
        .limit(1)
    ).one_or_none()


def count_rotations(
    connection: Connection, organisation: str, device: str, now: datetime, within: timedelta
) -> int:
    """Return how often a device's key was rotated lately."""
    statement = select(func.count()).where(
        key_changes.c.organisation_id == organisation,
        key_changes.c.device_id == device,
        key_changes.c.kind == KeyChange.ROTATED.value,
        key_changes.c.changed_at > now - within,
    )
    return int(connection.execute(statement).scalar_one())


def was_its_key(connection: Connection, organisation: str, device: str, key: PublicKey) -> bool:
    """Whether the device has had this key before and given it up."""
    statement = select(key_changes.c.change_id).where(
        key_changes.c.organisation_id == organisation,
        key_changes.c.device_id == device,
        key_changes.c.key_before == canonical_bytes(codec.encode(key)),
    )
    return connection.execute(statement.limit(1)).first() is not None
