r"""The devices in Windows' tree of device nodes.

A device is one node `USB\VID_…&PID_…\instance`; below it lie a node for each of its interfaces
(`&MI_…`) where it has several, and what their drivers made of them: HID collections, disks, network
cards. Formats: "Standard USB Identifiers" and "HIDClass Hardware IDs" in the driver documentation.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.windows_answers import PresentDevice
from passmuster_collectors.signals.usb_devices.answers import any_of
from passmuster_collectors.signals.usb_devices.facts import Location
from passmuster_collectors.signals.usb_devices.interface_classes import (
    BOOT_KEYBOARD,
    HID,
    Triple,
    is_hub,
    is_network,
    is_serial,
    is_storage,
)
from passmuster_collectors.signals.usb_devices.report_descriptor import KEYBOARD_APPLICATIONS

DEVICE = re.compile(r"USB\\VID_([0-9A-F]{4})&PID_([0-9A-F]{4})\\([^\\]*)")
HUB_DRIVERS = frozenset({"USBHUB", "USBHUB3"})
ROOT_HUB = "USB\\ROOT_HUB"
BLUETOOTH = "BTH"
INTERFACE_CLASS = re.compile(r"USB\\CLASS_([0-9A-F]{2})&SUBCLASS_([0-9A-F]{2})&PROT_([0-9A-F]{2})")
USAGE = re.compile(r"HID_DEVICE_UP:([0-9A-F]{4})_U:([0-9A-F]{4})")
SYSTEM_KEYBOARD = "HID_DEVICE_SYSTEM_KEYBOARD"
MTP = "USB\\MS_COMP_MTP"
COMPOSITE = "USB\\COMPOSITE"

# Setup classes, devguid.h.
KEYBOARD = "4d36e96b-e325-11ce-bfc1-08002be10318"
STORES = frozenset(
    {
        "4d36e965-e325-11ce-bfc1-08002be10318",  # optical disks
        "4d36e967-e325-11ce-bfc1-08002be10318",  # disks
        "4d36e980-e325-11ce-bfc1-08002be10318",  # floppy disks
        "71a27cdd-812a-11d0-bec7-08002be2092f",  # volumes
        "eec5ad98-8080-425f-922a-dabf3de3f69a",  # phones and cameras
    }
)
NETWORK = "4d36e972-e325-11ce-bfc1-08002be10318"
SERIAL = frozenset(
    {
        "4d36e96d-e325-11ce-bfc1-08002be10318",  # modems
        "4d36e978-e325-11ce-bfc1-08002be10318",  # ports
    }
)

COMPUTER = "00000000-0000-0000-ffff-ffffffffffff"
"""The container of everything that is part of the computer itself."""

NO_REMOVAL = 1  # CM_REMOVAL_POLICY_EXPECT_NO_REMOVAL, cfgmgr32.h
OUTWARD = (Location.INTERNAL, Location.UNKNOWN, Location.EXTERNAL)


@dataclass(frozen=True)
class TreeDevice:
    """A device. `serial` is empty where it has none; `is_hub`: it is a hub and nothing else."""

    vendor_id: str
    product_id: str
    description: str
    serial: str
    location: Location
    arrived: int
    interfaces: frozenset[Triple]
    is_hub: bool
    keyboard: bool | Unknown
    storage: bool | Unknown
    network: bool | Unknown
    serial_port: bool


def has_controller(nodes: Iterable[PresentDevice]) -> bool:
    """Return whether there is any USB."""
    return any(node.instance_id.upper().startswith(ROOT_HUB) for node in nodes)


def parse_devices(nodes: Iterable[PresentDevice]) -> tuple[TreeDevice, ...]:
    """Return every device once, however many nodes it has."""
    by_name = {node.instance_id.upper(): node for node in nodes}
    children: dict[str, list[PresentDevice]] = {}
    for node in by_name.values():
        children.setdefault(node.parent.upper(), []).append(node)
    return tuple(
        _device(node, matched, list(_own(node, children)), by_name)
        for name, node in by_name.items()
        if (matched := DEVICE.fullmatch(name))
    )


def serial_of(instance: str) -> str:
    """Return the serial number in the last part of an instance id; empty for one without.

    Windows makes one up from the port for a device that has none, and there is an `&` in it.
    """
    return "" if "&" in instance else instance


def _own(node: PresentDevice, children: dict[str, list[PresentDevice]]) -> Iterator[PresentDevice]:
    """Yield what lies below a device and belongs to no other one, by USB or by Bluetooth."""
    waiting, seen = [node], {node.instance_id.upper()}
    while waiting:
        for child in children.get(waiting.pop().instance_id.upper(), ()):
            name = child.instance_id.upper()
            if name in seen or DEVICE.fullmatch(name) or name.startswith(BLUETOOTH):
                continue
            seen.add(name)
            yield child
            waiting.append(child)


def _device(
    node: PresentDevice,
    matched: re.Match[str],
    below: list[PresentDevice],
    by_name: dict[str, PresentDevice],
) -> TreeDevice:
    parts = [each for each in below if each.instance_id.upper().startswith("USB\\")]
    is_composite = bool(parts) or COMPOSITE in _upper(node.compatible_ids)
    speaking = parts if is_composite else [node]
    known = [found for part in speaking if (found := _triple(part)) is not None]
    triples = frozenset(known)
    everything = [node, *below]
    classes = {each.class_guid.lower() for each in everything}
    mtp = any(MTP in _upper(each.compatible_ids) for each in everything)
    # A part that does not say what it is could be anything.
    silent: list[bool | Unknown] = [UNKNOWN] if len(known) < len(speaking) or not speaking else []
    hub = not below and (node.service.upper() in HUB_DRIVERS or (is_hub(triples) and not silent))
    return TreeDevice(
        vendor_id=matched[1].lower(),
        product_id=matched[2].lower(),
        description=node.description,
        serial=serial_of(node.instance_id.rpartition("\\")[2]),
        location=_location(node, by_name),
        arrived=node.arrived,
        interfaces=triples,
        is_hub=hub,
        keyboard=any_of(
            [*silent, KEYBOARD in classes, *_typing(triples, everything)],
        ),
        storage=any_of(
            [*silent, mtp, not STORES.isdisjoint(classes), *map(is_storage, triples)],
        ),
        network=any_of([*silent, NETWORK in classes, *map(is_network, triples)]),
        serial_port=not SERIAL.isdisjoint(classes) or any(map(is_serial, triples)),
    )


def _typing(triples: frozenset[Triple], nodes: Iterable[PresentDevice]) -> Iterator[bool | Unknown]:
    """Yield answers to whether the device can type: by class, else by what HID says it reports."""
    usages = []
    for node in nodes:
        names = _upper(node.hardware_ids)
        yield SYSTEM_KEYBOARD in names
        usages += [
            int(found[1], 16) << 16 | int(found[2], 16)
            for name in names
            if (found := USAGE.fullmatch(name))
        ]
    yield BOOT_KEYBOARD in triples
    yield any(usage in KEYBOARD_APPLICATIONS for usage in usages)
    if any(triple[0] == HID for triple in triples) and not usages:
        yield UNKNOWN


def _triple(node: PresentDevice) -> Triple | None:
    """Return the class, subclass and protocol; the most telling of the compatible ids is first."""
    for name in _upper(node.compatible_ids):
        if found := INTERFACE_CLASS.fullmatch(name):
            return int(found[1], 16), int(found[2], 16), int(found[3], 16)
    return None


def _location(node: PresentDevice, by_name: dict[str, PresentDevice]) -> Location:
    """Return where the device sits: inside only if every device on the way is inside too."""
    found, seen = Location.INTERNAL, set[str]()
    here: PresentDevice | None = node
    while here is not None and here.instance_id.upper() not in seen:
        name = here.instance_id.upper()
        seen.add(name)
        if DEVICE.fullmatch(name):
            found = max(found, _own_location(here), key=OUTWARD.index)
        here = by_name.get(here.parent.upper())
    return found


def _own_location(node: PresentDevice) -> Location:
    """Return what Windows says of one device.

    A device may name its container by itself, so the port must have said too that nobody is
    expected to pull it out.
    """
    if not node.container:
        return Location.UNKNOWN
    if node.container.lower() != COMPUTER:
        return Location.EXTERNAL
    if node.removal_policy == NO_REMOVAL:
        return Location.INTERNAL
    return Location.EXTERNAL if node.removal_policy else Location.UNKNOWN


def _upper(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.upper() for name in names)
