"""The USB part of the kernel's device tree: every attached device, asked one file at a time."""

import re
from datetime import datetime, timedelta

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.base import Host, SourceError, SourceMissingError
from passmuster_collectors.signals.usb_devices.answers import any_of, displayed_name
from passmuster_collectors.signals.usb_devices.descriptors import parse_descriptors
from passmuster_collectors.signals.usb_devices.facts import Location
from passmuster_collectors.signals.usb_devices.indicators import AttachedDevice
from passmuster_collectors.signals.usb_devices.interface_classes import (
    BOOT_KEYBOARD,
    HID,
    VENDOR_SPECIFIC,
    Triple,
    is_hub,
    is_network,
    is_serial,
    is_storage,
)
from passmuster_collectors.signals.usb_devices.linux.asked import Asked
from passmuster_collectors.signals.usb_devices.linux.interface import Interface, read_interface

DEVICES = "/sys/bus/usb/devices"
UDEV_DATA = "/run/udev/data"

# bus-port.port.port (Documentation/ABI/stable/sysfs-bus-usb); root hubs are usb1, usb2, …
DEVICE_NAME = re.compile(r"\d+-\d+(\.\d+)*")
ID = re.compile(r"[0-9a-f]{4}")
MILLISECONDS = re.compile(r"\d{1,15}")
CONFIGURATION_VALUE = re.compile(r"\d{0,3}")
DEVICE_NUMBER = re.compile(r"\d+:\d+")
CONNECT_TYPE = re.compile(r"hotplug|hardwired|not used|unknown")
REMOVABLE = re.compile(r"removable|fixed|unknown")

YES_OR_NO = re.compile(r"yes|no")
SWITCH = re.compile(r"\d")
MAX_PORT = 64
MAX_DURATION_MS = 10 * 365 * 86_400_000
MAX_DESCRIPTORS = 65_536 + 18
MAX_UDEV_DATA = 65_536

BY_CONNECT_TYPE = {"hotplug": Location.EXTERNAL, "hardwired": Location.INTERNAL}
BY_REMOVABLE = {"removable": Location.EXTERNAL, "fixed": Location.INTERNAL}

# What udev's rules found out by asking the device itself (libmtp, libgphoto2).
UDEV_STORAGE = frozenset({"E:ID_MTP_DEVICE=1", "E:ID_GPHOTO2=1"})


class UsbTree:
    """The tree below `DEVICES`, which lists `names`. `refusals` tells what was not read of it."""

    def __init__(self, host: Host, names: tuple[str, ...]) -> None:
        self._host = host
        self._names = names
        self.refusals: list[Source] = []

    def devices(self) -> list[AttachedDevice]:
        """Return the attached devices that are no hubs."""
        found = []
        for name in filter(DEVICE_NAME.fullmatch, self._names):
            asked = Asked(self._host)
            device = self._device(asked, name)
            if asked.refusals and self._is_gone(name):
                continue
            self.refusals += asked.refusals
            if device is not None:
                found.append(device)
        return found

    def _is_gone(self, name: str) -> bool:
        """Whether the device was pulled out while it was being asked."""
        try:
            self._host.resolve(f"{DEVICES}/{name}")
        except SourceMissingError:
            return True
        except SourceError:
            return False
        return False

    def _device(self, asked: Asked, name: str) -> AttachedDevice | None:
        base = f"{DEVICES}/{name}"
        interfaces = [
            read_interface(asked, f"{DEVICES}/{other}")
            for other in self._names
            if other.startswith(f"{name}:")
        ]
        described = _described(asked, base, is_needed=not interfaces)
        triples = described | {each.triple for each in interfaces if each.triple is not None}
        if is_hub(triples):
            return None
        serial = (asked.file(f"{base}/serial") or b"").strip()
        duration = asked.text(f"{base}/power/connected_duration", MILLISECONDS)
        nothing: list[bool | Unknown] = [] if triples else [UNKNOWN]
        return AttachedDevice(
            vendor_id=asked.required_text(f"{base}/idVendor", ID) or "",
            product_id=asked.required_text(f"{base}/idProduct", ID) or "",
            name=displayed_name(
                asked.text(f"{base}/manufacturer") or "", asked.text(f"{base}/product") or ""
            ),
            serial=self._host.keyed_hash("usb_serial", serial) if serial else None,
            interfaces=triples,
            location=_location(asked, name),
            keyboard=any_of([*nothing, _types(interfaces, triples)]),
            storage=any_of([*nothing, _stores(asked, base, interfaces, triples)]),
            network=any_of(
                [*nothing, *(each.network for each in interfaces), *map(is_network, triples)]
            ),
            serial_port=any(each.serial_port for each in interfaces)
            or any(map(is_serial, triples)),
            attached_for_ms=None if duration is None else int(duration),
            attached_at=_attached_at(self._host, duration),
            port=name[:MAX_PORT],
            authorized=_yes_or_no(asked.text(f"{base}/authorized", SWITCH)),
        )


def _attached_at(host: Host, duration: str | None) -> datetime | None:
    # The kernel counts while the laptop is awake; who remembers the first answer keeps it.
    if duration is None or int(duration) > MAX_DURATION_MS:
        return None
    return host.now() - timedelta(milliseconds=int(duration))


def _yes_or_no(switch: str | None) -> bool | None:
    return None if switch is None else switch != "0"


def _described(asked: Asked, base: str, *, is_needed: bool) -> frozenset[Triple]:
    """Return the interfaces that the device's own descriptors name.

    They are all there is of a device that was not let in; of others they add what it can switch to.
    """
    path = f"{base}/descriptors"
    data = asked.file(path, MAX_DESCRIPTORS)
    descriptors = parse_descriptors(data or b"")
    if is_needed and data is None:
        asked.refuse(path, SourceOutcome.MISSING)
    elif is_needed and not descriptors.whole:
        asked.refuse(path, SourceOutcome.CONFLICT, "not the descriptors of a device")
    configuration = asked.text(f"{base}/bConfigurationValue", CONFIGURATION_VALUE)
    return descriptors.interfaces(int(configuration) if configuration else None)


def _location(asked: Asked, name: str) -> Location:
    """Return where the device sits: inside only if every hub on the way is inside too.

    A device behind a hub that was plugged in is outside whatever that hub says of its sockets.
    """
    ports = name.split(".")
    hops = {_hop(asked, ".".join(ports[:end])) for end in range(1, len(ports) + 1)}
    if Location.EXTERNAL in hops:
        return Location.EXTERNAL
    return Location.UNKNOWN if Location.UNKNOWN in hops else Location.INTERNAL


def _hop(asked: Asked, name: str) -> Location:
    # The firmware's word on the socket counts before the hub's word on the device: built-in
    # fingerprint readers are known to be called removable.
    socket = asked.text(f"{DEVICES}/{name}/port/connect_type", CONNECT_TYPE)
    removable = asked.text(f"{DEVICES}/{name}/removable", REMOVABLE)
    if asked.text(f"{DEVICES}/{name}/physical_location/dock", YES_OR_NO) == "yes":
        return Location.EXTERNAL
    by_hub = BY_REMOVABLE.get(removable or "", Location.UNKNOWN)
    return BY_CONNECT_TYPE.get(socket or "", by_hub)


def _types(interfaces: list[Interface], triples: frozenset[Triple]) -> bool | Unknown:
    answers = [each.keyboard for each in interfaces]
    driven = {each.triple[0] for each in interfaces if each.triple is not None}
    if HID in {triple[0] for triple in triples} - driven:
        answers.append(UNKNOWN)  # nobody has asked that interface for its reports
    return any_of([*answers, BOOT_KEYBOARD in triples])


def _stores(
    asked: Asked, base: str, interfaces: list[Interface], triples: frozenset[Triple]
) -> bool | Unknown:
    answers = [each.storage for each in interfaces]
    answers += [each.name.upper() == "MTP" for each in interfaces]
    if any(triple[0] == VENDOR_SPECIFIC for triple in triples):
        number = asked.text(f"{base}/dev", DEVICE_NUMBER)
        path = f"{UDEV_DATA}/c{number}"
        known = asked.text(path, limit=MAX_UDEV_DATA) if number else None
        answers.append(not UDEV_STORAGE.isdisjoint((known or "").splitlines()))
    return any_of([*answers, *map(is_storage, triples)])
