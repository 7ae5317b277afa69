"""What IT allows or forbids beside the policy: one USB device, a class of them, a network.

Each counts for one device, one group, or the whole organisation, and is put into the limits by
which that device is judged.
"""

import dataclasses
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.signals import usb_devices, wifi_security
from passmuster_collectors.signals.usb_devices.rule import KnownDevice, UsbLimits
from passmuster_collectors.signals.wifi_security.rule import WifiLimits
from passmuster_server.changes import announce
from passmuster_server.devices.tables import devices
from passmuster_server.policy.tables import allowances

MAX_REASON = 512
MAX_NAME = 128

_DEVICE = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})(?::([0-9a-f]{4,32}))?")
_CLASS = re.compile(r"[0-9a-f]{2}")
_HASH = re.compile(r"[0-9a-f]{32}")


class AllowanceError(Exception):
    """One that can't be granted or ended; the message says what is wrong."""


class AllowanceKind(StrEnum):
    """What is allowed or forbidden; each takes a value of its own shape."""

    USB_DEVICE = "usb_device"
    USB_CLASS = "usb_class"
    USB_FORBIDDEN = "usb_forbidden"
    NETWORK = "network"


@dataclass(frozen=True)
class Scope:
    """One device, one group (its id), or neither: the whole organisation."""

    device: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class NewAllowance:
    """What is to be granted; `name` is for people, `until` None: for good."""

    kind: AllowanceKind
    value: str
    scope: Scope
    name: str
    reason: str
    until: datetime | None


@dataclass(frozen=True)
class Allowance:
    """One that lasts: it changes the limits of its signal."""

    signal: str
    until: datetime | None
    change: Callable[[Any], Any]


def device_value(text: str) -> str:
    """Return `vendor:product[:serial]` as it is kept. Raises `AllowanceError`."""
    return _checked(_DEVICE, text, "id: expected VENDOR:PRODUCT[:SERIAL] as list-unknown prints it")


def class_value(text: str) -> str:
    """Return the code of an interface class as it is kept. Raises `AllowanceError`."""
    return _checked(_CLASS, text, "class: expected two hexadecimal digits, such as 03")


def network_value(text: str) -> str:
    """Return the hash of a network's name as it is kept. Raises `AllowanceError`."""
    return _checked(_HASH, text, "network: expected 32 hexadecimal digits, as listed")


@dataclass(frozen=True)
class Granted:
    """An allowance by its id; of one device, which one and whose that is."""

    allowance: str
    device: str | None
    owner: str


def grant(
    connection: Connection, organisation: str, new: NewAllowance, by: str, now: datetime
) -> Granted:
    """Store one, have whom it is about judged again, and return it. Raises `AllowanceError`."""
    owner = ""
    reason, name, scope = new.reason.strip(), new.name.strip(), new.scope
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise AllowanceError(f"reason: expected one line of 1 to {MAX_REASON} characters")
    if len(name) > MAX_NAME or not name.isprintable():
        raise AllowanceError(f"name: expected one line of at most {MAX_NAME} characters")
    if new.until is not None and new.until <= now:
        raise AllowanceError("until: expected a time to come")
    if scope.device is not None:
        found = connection.execute(
            select(devices.c.owner).where(
                devices.c.organisation_id == organisation, devices.c.device_id == scope.device
            )
        ).first()
        if found is None:
            raise AllowanceError("device: there is no such device")
        owner = found.owner
    allowance = secrets.token_hex(6)
    connection.execute(
        allowances.insert().values(
            organisation_id=organisation,
            allowance_id=allowance,
            kind=new.kind.value,
            value=new.value,
            name=name,
            device_id=scope.device,
            group_id=scope.group,
            reason=reason,
            granted_by=by,
            granted_at=now,
            expires_at=new.until,
        )
    )
    # Of one device, that device is told; of more, all are judged by another basis.
    announce(connection, organisation, scope.device)
    return Granted(allowance, scope.device, owner)


def end(
    connection: Connection, organisation: str, allowance: str, by: str, now: datetime
) -> Granted:
    """End one before its time and return it. Raises `AllowanceError` where none lasts."""
    key = (allowances.c.organisation_id == organisation, allowances.c.allowance_id == allowance)
    row = connection.execute(select(allowances).where(*key, _lasts(now))).one_or_none()
    if row is None:
        raise AllowanceError("there is none of this id in force")
    connection.execute(update(allowances).where(*key).values(ended_at=now, ended_by=by))
    announce(connection, organisation, row.device_id)
    owner = connection.execute(
        select(devices.c.owner).where(
            devices.c.organisation_id == organisation, devices.c.device_id == row.device_id
        )
    ).scalar()
    return Granted(allowance, row.device_id, owner or "")


def all_allowances(connection: Connection, organisation: str) -> Sequence[Row[Any]]:
    """Return every one that was ever granted and is still kept, the newest first."""
    return connection.execute(
        select(allowances)
        .where(allowances.c.organisation_id == organisation)
        .order_by(allowances.c.granted_at.desc(), allowances.c.allowance_id)
    ).all()


def rows_of(
    connection: Connection, organisation: str, device: str, group: str, now: datetime
) -> Sequence[Row[Any]]:
    """Return those that count for a device at `now`, as they are stored."""
    return connection.execute(
        select(allowances).where(
            allowances.c.organisation_id == organisation,
            _lasts(now),
            or_(
                allowances.c.device_id == device,
                and_(
                    allowances.c.device_id.is_(None),
                    or_(allowances.c.group_id == group, allowances.c.group_id.is_(None)),
                ),
            ),
        )
    ).all()


class InForce:
    """What counts at a moment for any device: read once, for whoever looks at many devices."""

    def __init__(self, connection: Connection, organisation: str, now: datetime) -> None:
        self._found: dict[tuple[str | None, str | None], list[Allowance]] = defaultdict(list)
        rows = connection.execute(
            select(allowances).where(allowances.c.organisation_id == organisation, _lasts(now))
        )
        for row in rows:
            group = None if row.device_id is not None else row.group_id
            allowance = allowance_of(row.kind, row.value, row.expires_at)
            self._found[row.device_id, group].append(allowance)

    def of(self, device: str, group: str) -> Sequence[Allowance]:
        """Return what counts for a device of that group."""
        scopes = ((device, None), (None, group), (None, None))
        return [each for scope in scopes for each in self._found.get(scope, ())]


def allowance_of(kind: str, value: str, until: datetime | None) -> Allowance:
    """Return a stored one as what it does to the limits of its signal."""
    of = AllowanceKind(kind)
    return Allowance(_SIGNALS[of], until, lambda limits: _CHANGES[of](limits, value))


def signal_of(kind: str) -> str:
    """Return the signal whose limits an allowance of this kind changes."""
    return _SIGNALS[AllowanceKind(kind)]


def basis_of(connection: Connection, organisation: str) -> str:
    """Return what changes with those that are about more than one device; empty without any."""
    rows = connection.execute(
        select(allowances.c.allowance_id, allowances.c.ended_at)
        .where(allowances.c.organisation_id == organisation, allowances.c.device_id.is_(None))
        .order_by(allowances.c.allowance_id)
    )
    told = [f"{row.allowance_id} {row.ended_at is None}" for row in rows]
    return digest("\n".join(told).encode("ascii")) if told else ""


def changed_limits(limits: Any, signal: str, lasting: Sequence[Allowance], at: datetime) -> Any:
    """Return the limits of a signal with those allowances in them that still last at `at`."""
    for each in lasting:
        if each.signal == signal and (each.until is None or each.until > at):
            limits = each.change(limits)
    return limits


def _known(value: str) -> KnownDevice:
    vendor, product, *serial = value.split(":")
    return KnownDevice(vendor, product, serial[0] if serial else None)


def _with_device(limits: UsbLimits, value: str) -> UsbLimits:
    return dataclasses.replace(limits, known_devices=(*limits.known_devices, _known(value)))


def _with_class(limits: UsbLimits, value: str) -> UsbLimits:
    return dataclasses.replace(limits, known_classes=(*limits.known_classes, value))


def _without_device(limits: UsbLimits, value: str) -> UsbLimits:
    return dataclasses.replace(limits, forbidden_devices=(*limits.forbidden_devices, _known(value)))


def _with_network(limits: WifiLimits, value: str) -> WifiLimits:
    return dataclasses.replace(limits, trusted_networks=(*limits.trusted_networks, value))


_SIGNALS: Mapping[AllowanceKind, str] = {
    AllowanceKind.USB_DEVICE: usb_devices.SIGNAL.id,
    AllowanceKind.USB_CLASS: usb_devices.SIGNAL.id,
    AllowanceKind.USB_FORBIDDEN: usb_devices.SIGNAL.id,
    AllowanceKind.NETWORK: wifi_security.SIGNAL.id,
}
_CHANGES: Mapping[AllowanceKind, Callable[[Any, str], Any]] = {
    AllowanceKind.USB_DEVICE: _with_device,
    AllowanceKind.USB_CLASS: _with_class,
    AllowanceKind.USB_FORBIDDEN: _without_device,
    AllowanceKind.NETWORK: _with_network,
}


def _lasts(now: datetime) -> Any:
    return and_(
        allowances.c.ended_at.is_(None),
        or_(allowances.c.expires_at.is_(None), allowances.c.expires_at > now),
    )


def _checked(shape: "re.Pattern[str]", text: str, problem: str) -> str:
    value = text.strip().lower()
    if not shape.fullmatch(value):
        raise AllowanceError(problem)
    return value
