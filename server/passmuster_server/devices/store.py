"""Reads and writes of devices and their enrolment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.enrolment import EnrolmentStart, PublicKey
from passmuster_server.devices.tables import (
    devices,
    enrolment_challenges,
    enrolment_codes,
    key_changes,
    organisations,
    ratchets,
)
from passmuster_server.policy.standing import DeviceStatus


def organisation_of(connection: Connection, organisation: str) -> Row[Any]:
    """Return the organisation's row. Raises `LookupError` before `migrate` has run."""
    row = connection.execute(
        select(organisations).where(organisations.c.organisation_id == organisation)
    ).one_or_none()
    if row is None:
        raise LookupError("there is no such organisation")
    return row


@dataclass(frozen=True)
class NewCode:
    """What a code stands for; `group` is a group's id, None: not said."""

    hashed: str
    owner: str
    replaces: str | None
    group: str | None
    ownership: str | None


def insert_code(
    connection: Connection, organisation: str, code: NewCode, now: datetime, lifetime: timedelta
) -> None:
    """Store an enrolment code, and forget those that expired a day ago."""
    connection.execute(
        delete(enrolment_codes).where(enrolment_codes.c.expires_at < now - timedelta(days=1))
    )
    connection.execute(
        enrolment_codes.insert().values(
            organisation_id=organisation,
            code_hash=code.hashed,
            owner=code.owner,
            replaces=code.replaces,
            created_at=now,
            expires_at=now + lifetime,
            group_id=code.group,
            ownership=code.ownership,
        )
    )


def find_code(connection: Connection, organisation: str, hashed: str) -> Row[Any] | None:
    """Return the code's row, used and expired ones too."""
    return connection.execute(
        select(enrolment_codes).where(
            enrolment_codes.c.organisation_id == organisation,
            enrolment_codes.c.code_hash == hashed,
        )
    ).one_or_none()


def use_code(
    connection: Connection, organisation: str, hashed: str, device: str, now: datetime
) -> bool:
    """Use the code up and return True, or return False where somebody else was faster."""
    used = connection.execute(
        update(enrolment_codes)
        .where(
            enrolment_codes.c.organisation_id == organisation,
            enrolment_codes.c.code_hash == hashed,
            enrolment_codes.c.used_at.is_(None),
            enrolment_codes.c.expires_at > now,
        )
        .values(used_at=now, device_id=device)
    )
    return used.rowcount == 1


def insert_challenge(
    connection: Connection,
    organisation: str,
    enrolment: str,
    challenge: str,
    start: EnrolmentStart,
    now: datetime,
    lifetime: timedelta,
) -> None:
    """Store a challenge, and forget those that have expired."""
    connection.execute(delete(enrolment_challenges).where(enrolment_challenges.c.expires_at <= now))
    connection.execute(
        enrolment_challenges.insert().values(
            organisation_id=organisation,
            enrolment_id=enrolment,
            challenge=challenge,
            start=canonical_bytes(codec.encode(start)),
            expires_at=now + lifetime,
            tries=0,
        )
    )


def count_challenges(connection: Connection, now: datetime) -> int:
    """Return how many challenges wait for their answer."""
    waiting = select(func.count()).where(
        enrolment_challenges.c.expires_at > now, enrolment_challenges.c.code_hash.is_(None)
    )
    return int(connection.execute(waiting).scalar_one())


def find_challenge(
    connection: Connection, organisation: str, enrolment: str, now: datetime
) -> tuple[Row[Any], EnrolmentStart] | None:
    """Return the challenge and the message it answered, or None when it has expired."""
    row = connection.execute(
        select(enrolment_challenges).where(
            enrolment_challenges.c.organisation_id == organisation,
            enrolment_challenges.c.enrolment_id == enrolment,
            enrolment_challenges.c.expires_at > now,
        )
    ).one_or_none()
    if row is None:
        return None
    return row, codec.decode(EnrolmentStart, strict_json.parse(row.start))


def count_try(connection: Connection, organisation: str, enrolment: str) -> None:
    """Count a wrong answer to a challenge."""
    connection.execute(
        update(enrolment_challenges)
        .where(
            enrolment_challenges.c.organisation_id == organisation,
            enrolment_challenges.c.enrolment_id == enrolment,
        )
        .values(tries=enrolment_challenges.c.tries + 1)
    )


def mark_answered(
    connection: Connection, organisation: str, enrolment: str, code_hash: str
) -> None:
    """Note that the laptop of a challenge is a device now, by this code."""
    connection.execute(
        update(enrolment_challenges)
        .where(
            enrolment_challenges.c.organisation_id == organisation,
            enrolment_challenges.c.enrolment_id == enrolment,
        )
        .values(code_hash=code_hash)
    )


def find_device(
    connection: Connection, organisation: str, device: str, *, held: bool = False
) -> Row[Any] | None:
    """Return the device's row.

    `held`: nobody else changes it before the transaction has ended, so that what is written rests
    on what was read. SQLite has one writer at a time and needs no hold.
    """
    statement = select(devices).where(
        devices.c.organisation_id == organisation, devices.c.device_id == device
    )
    return connection.execute(statement.with_for_update() if held else statement).one_or_none()


def find_by_thumbprint(
    connection: Connection, organisation: str, thumbprint: str, *, held: bool = False
) -> Row[Any] | None:
    """Return the row of the device that has this key, held as by `find_device`."""
    statement = select(devices).where(
        devices.c.organisation_id == organisation, devices.c.thumbprint == thumbprint
    )
    return connection.execute(statement.with_for_update() if held else statement).one_or_none()


def insert_device(
    connection: Connection,
    organisation: str,
    device: str,
    owner: str,
    start: EnrolmentStart,
    status: DeviceStatus,
    now: datetime,
) -> None:
    """Store a new device."""
    connection.execute(
        devices.insert().values(
            organisation_id=organisation,
            device_id=device,
            public_key=canonical_bytes(codec.encode(start.public_key)),
            thumbprint=start.public_key.thumbprint(),
            fingerprint=start.public_key.fingerprint(),
            enrolled_at=now,
            **_described(owner, start, status),
        )
    )


def rebind_device(
    connection: Connection,
    organisation: str,
    device: str,
    owner: str,
    start: EnrolmentStart,
    status: DeviceStatus,
) -> None:
    """Take a device in again whose key has just been proven."""
    connection.execute(
        update(devices)
        .where(devices.c.organisation_id == organisation, devices.c.device_id == device)
        .values(**_described(owner, start, status))
    )


def set_status(
    connection: Connection, organisation: str, device: str, status: DeviceStatus
) -> bool:
    """Change the device's status; False for a device that is not there."""
    changed = connection.execute(
        update(devices)
        .where(devices.c.organisation_id == organisation, devices.c.device_id == device)
        .values(status=status.value)
    )
    return changed.rowcount == 1


def set_agent_version(connection: Connection, organisation: str, device: str, version: str) -> None:
    """Note the version of the agent that reported last."""
    connection.execute(
        update(devices)
        .where(devices.c.organisation_id == organisation, devices.c.device_id == device)
        .values(agent_version=version)
    )


def delete_device(connection: Connection, organisation: str, device: str) -> None:
    """Delete the device and its ratchet, after all that belongs to it."""
    _forget_challenges(connection, organisation, device)
    for table in (key_changes, ratchets, devices):
        connection.execute(
            delete(table).where(
                table.c.organisation_id == organisation, table.c.device_id == device
            )
        )


def _forget_challenges(connection: Connection, organisation: str, device: str) -> None:
    """Forget what a device said of itself in an enrolment whose answer may be asked for again."""
    found = find_device(connection, organisation, device)
    there = connection.execute(
        select(enrolment_challenges.c.enrolment_id, enrolment_challenges.c.start).where(
            enrolment_challenges.c.organisation_id == organisation
        )
    )
    # Both are canonical, so the key's bytes stand in the message as they are.
    own = [row.enrolment_id for row in there if found is not None and found.public_key in row.start]
    connection.execute(
        delete(enrolment_challenges).where(
            enrolment_challenges.c.organisation_id == organisation,
            enrolment_challenges.c.enrolment_id.in_(own),
        )
    )


def public_key_of(device: Row[Any]) -> PublicKey:
    """Return the key of a device's row."""
    return codec.decode(PublicKey, strict_json.parse(device.public_key))


def _described(owner: str, start: EnrolmentStart, status: DeviceStatus) -> dict[str, str]:
    return {
        "owner": owner,
        "computer_name": start.computer_name,
        "platform": start.platform.value,
        "system": start.system,
        "agent_version": start.agent_version,
        "tier": start.tier.value,
        "status": status.value,
    }
