"""USB devices with signs of an attack that a laptop did not report before."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.signals import usb_devices
from passmuster_collectors.signals.usb_devices.facts import Indicator, UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.rule import UsbLimits
from passmuster_server.alerts import outbox
from passmuster_server.alerts.rules import Alert, Kind, Severity
from passmuster_server.database import Transaction
from passmuster_server.policy import allowances
from passmuster_server.policy.document import Policy
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.stored_devices import some_devices

_SIGNS = frozenset(each.value for each in Indicator)

Sign = tuple[str, str]
"""What is wrong, and with which ids."""


def put_suspicious(
    transaction: Transaction,
    policy: Policy,
    organisation: str,
    device: str,
    before: bytes | None,
    after: Reading | None,
    now: datetime,
) -> None:
    """Write an alert where what is reported now has a sign that was not in what is stored.

    What IT has approved, and a policy that minds no signs, silence them here as at the gate.
    """
    if after is None or not _may_have_signs(after.facts):
        return
    found = _facts(after.facts)
    if found is None:
        return
    connection = transaction.connection
    (stored,) = some_devices(connection, organisation, [device])
    if stored.status is not DeviceStatus.ACTIVE:
        return
    demanded = policy.demanded(usb_devices.SIGNAL.id, stored.subject)
    in_force = allowances.InForce(connection, organisation, now)
    lasting = in_force.of(device, stored.group)
    limits: UsbLimits = allowances.changed_limits(
        demanded.limits, usb_devices.SIGNAL.id, lasting, now
    )
    known = None if before is None else _facts(msgspec.json.decode(before).get("facts"))
    if _signs(found, limits) - (_signs(known, limits) if known is not None else frozenset()):
        signals = (usb_devices.SIGNAL.id,)
        alert = Alert(device, Kind.SUSPICIOUS_USB, Severity.HIGH, signals, int(now.timestamp()))
        outbox.put(connection, organisation, stored.group, alert, now)


def _may_have_signs(plain: object) -> bool:
    """Return whether it is worth to read the facts: nearly all laptops have no such device."""
    devices = plain.get("devices") if isinstance(plain, Mapping) else None
    return isinstance(devices, Sequence) and any(
        isinstance(each, Mapping) and each.get("indicators") for each in devices
    )


def _facts(plain: object) -> UsbDevicesFacts | None:
    if plain is None:
        return None
    try:
        return codec.decode(UsbDevicesFacts, plain)
    except ContractError:
        return None


def _signs(facts: UsbDevicesFacts, limits: UsbLimits) -> frozenset[Sign]:
    return frozenset(
        (found.problem, found.details["ids"])
        for found in usb_devices.SIGNAL.rule(facts, limits)
        if found.problem in _SIGNS
    )
