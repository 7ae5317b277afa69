"""What is changed about one laptop, and the words for the record: by a person or a program."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.devices import store
from passmuster_server.devices.in_service import retire
from passmuster_server.policy import waivers
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.waivers import Waived, WaiverError
from passmuster_server.privacy import personal
from passmuster_server.reports import requests

STATUSES: Mapping[str, tuple[DeviceStatus, Action]] = {
    "lost": (DeviceStatus.LOST, Action.DEVICE_LOST),
    "retired": (DeviceStatus.RETIRED, Action.DEVICE_RETIRED),
    "revoked": (DeviceStatus.REVOKED, Action.DEVICE_REVOKED),
}


class NoDeviceError(Exception):
    """There is no such device."""


class NotHeardError(Exception):
    """The device is in no contact with the server in which something could be asked of it."""


class StaysOutError(Exception):
    """The device is out of service already, and stays as it is."""


def waive(
    connection: Connection,
    organisation: str,
    device: str,
    signal: str,
    reason: str,
    days: int,
    by: str,
    now: datetime,
) -> tuple[Waived, Event]:
    """Grant a waiver for some days; return it and what goes on record. Raises `WaiverError`."""
    granted = waivers.grant(
        connection, organisation, device, signal, reason, now + timedelta(days=days), by, now
    )
    details = {"reason": reason.strip(), "days": days}
    return granted, _waived(Action.WAIVER_GRANTED, granted, by, details)


def end_waiver(
    connection: Connection, organisation: str, device: str, waiver: str, by: str, now: datetime
) -> Event:
    """End a waiver before its time; return what goes on record. Raises `WaiverError`."""
    ended = waivers.end(connection, organisation, waiver, by, now)
    if ended.device != device:
        raise WaiverError("there is no such waiver of this laptop")
    return _waived(Action.WAIVER_ENDED, ended, by, {})


def take_out(connection: Connection, organisation: str, device: str, status: str, by: str) -> Event:
    """Take a device out of service, `status` is of `STATUSES`; return what goes on record.

    Raises `NoDeviceError` and `StaysOutError`.
    """
    wanted, action = STATUSES[status]
    owner = retire(connection, organisation, device, wanted)
    if owner is None:
        raise NoDeviceError
    after = store.find_device(connection, organisation, device)
    if after is None or after.status != wanted:
        raise StaysOutError
    return Event(action, by, subject=device, person=owner)


def ask_report(
    connection: Connection, organisation: str, device: str, by: str, now: datetime
) -> Event:
    """Ask for a fresh report at the next contact; return what goes on record.

    Raises `NoDeviceError`, and `NotHeardError` of a device that is out of service or was never
    heard of.
    """
    found = store.find_device(connection, organisation, device)
    if found is None:
        raise NoDeviceError
    silent = found.status in {DeviceStatus.RETIRED, DeviceStatus.REVOKED, DeviceStatus.CONFLICT}
    if silent or not requests.ask(connection, organisation, device, now):
        raise NotHeardError
    return Event(Action.REPORT_REQUESTED, by, subject=device, person=found.owner)


def erase(connection: Connection, organisation: str, device: str, by: str) -> Event:
    """Delete what is stored of a device; return what goes on record. Raises `NoDeviceError`."""
    found = store.find_device(connection, organisation, device)
    if found is None:
        raise NoDeviceError
    personal.erase_device(connection, organisation, device)
    return Event(Action.DEVICE_ERASED, by, subject=device, person=found.owner)


def _waived(action: Action, waived: Waived, by: str, details: Mapping[str, Any]) -> Event:
    return Event(
        action,
        by,
        subject=waived.device,
        person=waived.owner,
        details={"waiver": waived.waiver, "signal": waived.signal, **details},
    )
