"""USB devices as the portable enumerator (libusb) describes them: numbers only."""

from collections.abc import Iterable

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.answers import UsbDescription
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


def attached_devices(found: Iterable[UsbDescription]) -> list[AttachedDevice]:
    """Return the devices that are no hubs; what their classes can't tell is `unknown`."""
    return [
        _attached_device(each, frozenset(each.interfaces))
        for each in found
        if not is_hub(frozenset(each.interfaces))
    ]


def keyboard_by_class(triples: frozenset[Triple]) -> bool | Unknown:
    """Return whether the device can type; unknown for HID interfaces that are no boot keyboard."""
    if BOOT_KEYBOARD in triples:
        return True
    return UNKNOWN if any(triple[0] == HID for triple in triples) else False


def _attached_device(each: UsbDescription, triples: frozenset[Triple]) -> AttachedDevice:
    # Behind its own class a maker can hide anything; without a driver to ask it stays unknown.
    otherwise: bool | Unknown = (
        UNKNOWN if not triples or any(triple[0] == VENDOR_SPECIFIC for triple in triples) else False
    )
    return AttachedDevice(
        vendor_id=f"{each.vendor_id:04x}",
        product_id=f"{each.product_id:04x}",
        name="",
        serial=None,
        interfaces=triples,
        location=Location.UNKNOWN,
        keyboard=keyboard_by_class(triples) if triples else UNKNOWN,
        storage=any(map(is_storage, triples)) or otherwise,
        network=any(map(is_network, triples)) or otherwise,
        serial_port=any(map(is_serial, triples)),
    )
