"""What the fleet reported of USB devices and networks, for whoever decides about them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.signals import usb_devices, wifi_security
from passmuster_collectors.signals.signal import Finding, Signal
from passmuster_collectors.signals.usb_devices.facts import UsbDevice, UsbDevicesFacts
from passmuster_server.policy import allowances, store
from passmuster_server.policy.document import Policy
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.stored_devices import (
    StoredDevice,
    some_devices,
    stored_devices,
)

AT_ONCE = 500


@dataclass(frozen=True)
class UnknownDevice:
    """A USB device that keeps laptops from passing, and which these are.

    `identity` is what `usb approve` takes. Of each problem there is one finding. The times are when
    a laptop first met it and when one last had it, None where no laptop could say.
    """

    identity: str
    name: str
    findings: tuple[Finding, ...]
    laptops: tuple[StoredDevice, ...]
    first_seen: datetime | None
    last_seen: datetime | None


@dataclass(frozen=True)
class ReportedNetwork:
    """A network that laptops are on; `security` is what they negotiated."""

    network: str
    security: tuple[str, ...]
    laptops: int


def unknown_usb_devices(
    connection: Connection,
    organisation: str,
    policy: Policy,
    now: datetime,
    among: Sequence[str] | None = None,
) -> list[UnknownDevice]:
    """Return what the policy and all allowances leave unknown, the most frequent first.

    `among` are the laptops to look at, None: all of them.
    """
    found: dict[str, _Found] = {}
    in_force = allowances.InForce(connection, organisation, now)
    for stored, facts in _facts(connection, organisation, usb_devices.SIGNAL, among):
        demanded = policy.demanded(usb_devices.SIGNAL.id, stored.subject)
        lasting = in_force.of(stored.device, stored.group)
        limits = allowances.changed_limits(demanded.limits, usb_devices.SIGNAL.id, lasting, now)
        for device in facts.devices:
            findings = usb_devices.SIGNAL.rule(UsbDevicesFacts((device,)), limits)
            if findings:
                found.setdefault(identity_of(device), _Found(device.name)).add(
                    device, stored, findings
                )
    unknown = [
        UnknownDevice(
            identity,
            each.name,
            tuple(each.findings.values()),
            tuple(each.laptops.values()),
            min(each.first, default=None),
            max(each.last, default=None),
        )
        for identity, each in found.items()
    ]
    return sorted(unknown, key=lambda each: (-len(each.laptops), each.identity))


@dataclass
class _Found:
    """What was gathered of one device so far."""

    name: str
    findings: dict[str, Finding] = field(default_factory=dict)
    laptops: dict[str, StoredDevice] = field(default_factory=dict)
    first: list[datetime] = field(default_factory=list)
    last: list[datetime] = field(default_factory=list)

    def add(self, device: UsbDevice, stored: StoredDevice, findings: Sequence[Finding]) -> None:
        for each in findings:
            self.findings.setdefault(each.problem, each)
        self.laptops.setdefault(stored.device, stored)
        first = device.first_seen_at or device.attached_at
        last = stored.last_seen if device.attached else device.last_seen_at
        self.first += [first] if first is not None else []
        self.last += [last] if last is not None else []


def reported_networks(connection: Connection, organisation: str) -> list[ReportedNetwork]:
    """Return the networks that laptops were on when they last reported, the most used first."""
    laptops: dict[str, set[str]] = defaultdict(set)
    security: dict[str, dict[str, None]] = defaultdict(dict)
    for stored, facts in _facts(connection, organisation, wifi_security.SIGNAL):
        for interface in facts.interfaces:
            if interface.network is not None and interface.connected is True:
                laptops[interface.network].add(stored.device)
                security[interface.network][interface.security or "unknown"] = None
    found = [
        ReportedNetwork(network, tuple(security[network]), len(those))
        for network, those in laptops.items()
    ]
    return sorted(found, key=lambda each: (-each.laptops, each.network))


def identity_of(device: UsbDevice) -> str:
    """Return how commands name a device."""
    ids = f"{device.vendor_id}:{device.product_id}"
    return f"{ids}:{device.serial}" if device.serial else ids


def _facts(
    connection: Connection,
    organisation: str,
    signal: Signal[Any, Any],
    among: Sequence[str] | None = None,
) -> Iterator[tuple[StoredDevice, Any]]:
    """Yield each device in service with its facts of a signal, where they are understood."""
    devices = (
        stored_devices(connection)
        if among is None
        else some_devices(connection, organisation, among)
    )
    active = (
        stored
        for stored in devices
        if stored.organisation == organisation and stored.status is DeviceStatus.ACTIVE
    )
    while some := list(islice(active, AT_ONCE)):
        read = store.readings_of_devices(
            connection, organisation, [stored.device for stored in some], (signal.id,)
        )
        for stored in some:
            facts = _decoded(signal, read[stored.device])
            if facts is not None:
                yield stored, facts


def _decoded(signal: Signal[Any, Any], readings: Mapping[str, Reading]) -> Any:
    reading = readings.get(signal.id)
    if reading is None or reading.facts is None:
        return None
    try:
        return codec.decode(signal.facts, reading.facts)
    except ContractError:
        return None
