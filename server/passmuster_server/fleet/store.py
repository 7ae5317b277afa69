"""What the fleet pages read: what a page shows beside the standings, and one device in full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.devices.tables import devices, key_changes
from passmuster_server.policy.explanation import Rule, policy_of_version, rule_of
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.stored_devices import stored_device
from passmuster_server.policy.tables import verdict_history, waivers
from passmuster_server.reports.tables import contacts, readings, transitions

HISTORY = 50


@dataclass(frozen=True)
class About:
    """What a line of the page tells beside the standing."""

    system: str = ""
    ownership: str = ""
    agent_version: str = ""


def about_each(
    connection: Connection, organisation: str, names: Sequence[str]
) -> Mapping[str, About]:
    """Return that of each of these devices that is still enrolled."""
    found = connection.execute(
        select(
            devices.c.device_id, devices.c.system, devices.c.ownership, devices.c.agent_version
        ).where(devices.c.organisation_id == organisation, devices.c.device_id.in_(names))
    )
    return {row.device_id: About(row.system, row.ownership, row.agent_version) for row in found}


def of_fingerprint(connection: Connection, organisation: str, fingerprint: str) -> frozenset[str]:
    """Return the devices whose key has this fingerprint, as a person may have typed it."""
    found = connection.execute(
        select(devices.c.device_id).where(
            devices.c.organisation_id == organisation,
            devices.c.fingerprint == fingerprint.upper(),
        )
    )
    return frozenset(found.scalars())


@dataclass(frozen=True)
class StoredDevice:
    """Everything stored of one device; the newest `HISTORY` entries of each history.

    `alike` are other devices in service of the same owner, name and system: one of them may have
    taken the other's place.
    """

    device: Row[Any]
    alike: Sequence[Row[Any]]
    contact: Row[Any] | None
    readings: Sequence[Row[Any]]
    waivers: Sequence[Row[Any]]
    history: Sequence[Row[Any]]
    transitions: Sequence[Row[Any]]
    key_changes: Sequence[Row[Any]]
    rules: Mapping[str, Rule]


def device_of(connection: Connection, organisation: str, device: str) -> StoredDevice | None:
    """Return the device, or None where there is none of that id."""
    found = connection.execute(
        select(devices).where(
            devices.c.organisation_id == organisation, devices.c.device_id == device
        )
    ).one_or_none()
    if found is None:
        return None

    def own(table: Any) -> tuple[ColumnElement[bool], ...]:
        return table.c.organisation_id == organisation, table.c.device_id == device

    return StoredDevice(
        found,
        connection.execute(
            select(devices)
            .where(
                devices.c.organisation_id == organisation,
                devices.c.owner == found.owner,
                devices.c.computer_name == found.computer_name,
                devices.c.platform == found.platform,
                devices.c.device_id != device,
                devices.c.status.not_in((DeviceStatus.REVOKED, DeviceStatus.RETIRED)),
            )
            .order_by(devices.c.enrolled_at.desc())
            .limit(HISTORY)
        ).all(),
        connection.execute(select(contacts).where(*own(contacts))).one_or_none(),
        connection.execute(select(readings).where(*own(readings))).all(),
        connection.execute(
            select(waivers)
            .where(*own(waivers))
            .order_by(waivers.c.granted_at.desc())
            .limit(HISTORY)
        ).all(),
        connection.execute(
            select(verdict_history)
            .where(*own(verdict_history))
            .order_by(verdict_history.c.since.desc(), verdict_history.c.history_id.desc())
            .limit(HISTORY)
        ).all(),
        connection.execute(
            select(transitions)
            .where(*own(transitions))
            .order_by(transitions.c.received_at.desc(), transitions.c.transition_id.desc())
            .limit(HISTORY)
        ).all(),
        connection.execute(
            select(key_changes)
            .where(*own(key_changes))
            .order_by(key_changes.c.change_id.desc())
            .limit(HISTORY)
        ).all(),
        _rules(connection, organisation, device),
    )


def _rules(connection: Connection, organisation: str, device: str) -> Mapping[str, Rule]:
    """Return what the policy by which the device was judged demands of each signal."""
    stored = stored_device(connection, organisation, device)
    if stored is None or stored.verdict is None:
        return {}
    try:
        policy = policy_of_version(connection, organisation, stored.verdict.policy_version)
    except ContractError:
        return {}
    return {signal: rule_of(policy, signal, stored.subject) for signal in policy.signals}
