"""The attached devices in the I/O registry: `ioreg -r -c IOUSBHostDevice -l -a` (ioreg(8)).

Each entry is a dictionary with its children below it: a device has its interfaces there, these have
what their drivers made of them. Keys: IOUSBHostFamilyDefinitions.h, IOHIDKeys.h.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.usb_devices.answers import any_of
from passmuster_collectors.signals.usb_devices.facts import Location
from passmuster_collectors.signals.usb_devices.interface_classes import (
    BOOT_KEYBOARD,
    HID,
    HUB,
    Triple,
    is_network,
    is_serial,
    is_storage,
)
from passmuster_collectors.signals.usb_devices.report_descriptor import (
    KEYBOARD_APPLICATIONS,
    ReportDescriptorError,
    parse_types_keys,
)

SOURCE = Program.IOREG.paths[0]
CHILDREN = "IORegistryEntryChildren"
CLASS = "IOObjectClass"
DEVICE_CLASSES = frozenset({"IOUSBHostDevice", "IOUSBDevice"})
INTERFACE_CLASSES = frozenset({"IOUSBHostInterface", "IOUSBInterface"})

# Ports, kIOUSBHostPortType…: internal ones are soldered in. Captive ones only can't be unplugged
# from the hub that says so, whatever that hub is.
INTERNAL_PORT = 2

OUTWARD = (Location.INTERNAL, Location.UNKNOWN, Location.EXTERNAL)

STORAGE_NODES = frozenset({"IOMedia", "IOBlockStorageDriver"})
NETWORK_NODES = frozenset(
    {"IOEthernetInterface", "IONetworkInterface", "IOSkywalkEthernetInterface"}
)
SERIAL_NODES = frozenset({"IOSerialBSDClient"})

MAX_ENTRIES = 100_000


@dataclass(frozen=True)
class RegistryDevice:
    """A device. `session` grows with every device that is plugged in; None where not told.

    `is_hub`: it is a hub and nothing else.
    """

    vendor_id: int
    product_id: int
    manufacturer: str
    product: str
    serial: str
    location: Location
    session: int | None
    interfaces: frozenset[Triple]
    is_hub: bool
    keyboard: bool | Unknown
    storage: bool | Unknown
    network: bool | Unknown
    serial_port: bool


def parse_registry(value: Any) -> tuple[RegistryDevice, ...]:
    """Return every device once. Raises `SourceConflictError` for what is no registry."""
    roots = value if isinstance(value, list) else []
    if not roots or not all(isinstance(entry, dict) and _is_device(entry) for entry in roots):
        raise SourceConflictError(SOURCE, "not a list of devices")
    found: dict[object, RegistryDevice] = {}
    waiting = [(entry, Location.INTERNAL) for entry in roots]
    for _ in range(MAX_ENTRIES):
        if not waiting:
            return tuple(found.values())
        entry, above = waiting.pop()
        location = above
        if _is_device(entry):
            device = _device(entry, above)
            location = device.location
            # A device behind a hub is listed below it and may be listed by itself too.
            known = found.setdefault(_identity(entry), device)
            if OUTWARD.index(known.location) < OUTWARD.index(location):
                found[_identity(entry)] = device
        waiting.extend((child, location) for child in _children(entry))
    raise SourceConflictError(SOURCE, f"more than {MAX_ENTRIES} entries")


def _is_device(entry: dict[str, Any]) -> bool:
    return entry.get(CLASS) in DEVICE_CLASSES or "bNumConfigurations" in entry


def _is_interface(entry: dict[str, Any]) -> bool:
    return entry.get(CLASS) in INTERFACE_CLASSES or "bNumEndpoints" in entry


def _identity(entry: dict[str, Any]) -> object:
    number = entry.get("IORegistryEntryID")
    if isinstance(number, int):
        return number
    keys = ("locationID", "sessionID", "idVendor", "idProduct", "USB Address")
    return tuple(str(entry.get(key)) for key in keys)


def _device(entry: dict[str, Any], above: Location) -> RegistryDevice:
    interfaces = [child for child in _own(entry) if _is_interface(child)]
    triples = frozenset(_triple(interface) for interface in interfaces)
    classes = {child.get(CLASS) for child in _own(entry)}
    named_mtp = any(
        str(interface.get("kUSBString", "")).upper() == "MTP" for interface in interfaces
    )
    # Without interfaces nothing on the Mac drives it: it was not let in, or not set up yet.
    is_hub = all(triple[0] == HUB for triple in triples) and (
        bool(triples) or entry.get("bDeviceClass") == HUB
    )
    nothing: list[bool | Unknown] = [] if triples or is_hub else [UNKNOWN]
    storage = [*map(is_storage, triples), named_mtp, not STORAGE_NODES.isdisjoint(classes)]
    network = [*map(is_network, triples), not NETWORK_NODES.isdisjoint(classes)]
    session = entry.get("sessionID")
    return RegistryDevice(
        vendor_id=_number(entry, "idVendor", 0xFFFF),
        product_id=_number(entry, "idProduct", 0xFFFF),
        manufacturer=_text(entry, "kUSBVendorString", "USB Vendor Name"),
        product=_text(entry, "kUSBProductString", "USB Product Name"),
        serial=_text(entry, "kUSBSerialNumberString", "USB Serial Number"),
        location=_location(entry, above),
        session=session if type(session) is int else None,
        interfaces=triples,
        is_hub=is_hub,
        keyboard=any_of([*nothing, *(_types(interface) for interface in interfaces)]),
        storage=any_of([*nothing, *storage]),
        network=any_of([*nothing, *network]),
        serial_port=any(map(is_serial, triples)) or not SERIAL_NODES.isdisjoint(classes),
    )


def _location(entry: dict[str, Any], above: Location) -> Location:
    """Return where the device sits: inside only if every hub on the way is inside too."""
    port = entry.get("USBPortType")
    if type(port) is not int:
        own = Location.UNKNOWN
    else:
        own = Location.INTERNAL if port == INTERNAL_PORT else Location.EXTERNAL
    return max(above, own, key=OUTWARD.index)


def _types(interface: dict[str, Any]) -> bool | Unknown:
    """Return whether the interface can type: by its class, else by the reports it announced."""
    triple = _triple(interface)
    if triple == BOOT_KEYBOARD:
        return True
    if triple[0] != HID:
        return False
    answers = [answer for node in _own(interface) for answer in _usages(node)]
    return any_of(answers) if answers else UNKNOWN


def _usages(node: dict[str, Any]) -> Iterator[bool | Unknown]:
    descriptor = node.get("ReportDescriptor")
    if isinstance(descriptor, bytes):
        try:
            yield parse_types_keys(descriptor)
        except ReportDescriptorError:
            yield UNKNOWN
    pairs = node.get("DeviceUsagePairs")
    if isinstance(pairs, list):
        yield from (_is_keyboard(pair, "DeviceUsagePage", "DeviceUsage") for pair in pairs)
    elif "PrimaryUsagePage" in node:
        # The first of several uses: that it is another one proves nothing.
        yield _is_keyboard(node, "PrimaryUsagePage", "PrimaryUsage") or UNKNOWN


def _is_keyboard(found: Any, page_key: str, usage_key: str) -> bool | Unknown:
    page, usage = (found.get(page_key), found.get(usage_key)) if isinstance(found, dict) else (0, 0)
    if type(page) is not int or type(usage) is not int or not page:
        return UNKNOWN
    return page << 16 | usage in KEYBOARD_APPLICATIONS


def _own(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return everything below an entry that belongs to no other device."""
    waiting = list(_children(entry))
    while waiting:
        child = waiting.pop()
        if not _is_device(child):
            yield child
            waiting.extend(_children(child))


def _children(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    children = entry.get(CHILDREN, [])
    if not isinstance(children, list):
        raise SourceConflictError(SOURCE, "children that are no list")
    for child in children:
        if not isinstance(child, dict):
            raise SourceConflictError(SOURCE, "a child that is no entry")
        yield child


def _triple(interface: dict[str, Any]) -> Triple:
    keys = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    first, second, third = (_number(interface, key, 0xFF) for key in keys)
    return first, second, third


def _number(entry: dict[str, Any], key: str, most: int) -> int:
    value = entry.get(key)
    if type(value) is not int or not 0 <= value <= most:
        raise SourceConflictError(SOURCE, f"{key} is not a number up to {most}")
    return value


def _text(entry: dict[str, Any], *keys: str) -> str:
    return next((value for key in keys if isinstance(value := entry.get(key), str) and value), "")
