"""The attached devices as system_profiler(8) reports them: ids and names, no interface classes.

`SPUSBHostDataType` is the report since macOS 26, whose old one, `SPUSBDataType`, is empty; before
it is the other way round.
"""

import re
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.usb_devices.facts import Location

SOURCE = Program.SYSTEM_PROFILER.paths[0]
REPORTS = ("SPUSBHostDataType", "SPUSBDataType")
MAX_ENTRIES = 10_000

# Old reports put a letter for the order before every key.
ORDER = re.compile(r"[a-z]_(?=[a-z]+_)")
NUMBER = re.compile(r"0x([0-9a-f]{1,4})(?:\s.*)?", re.DOTALL)
WORDS = {"apple_vendor_id": 0x05AC}

VENDOR_ID = ("USBDeviceKeyVendorID", "vendor_id")
PRODUCT_ID = ("USBDeviceKeyProductID", "product_id")
MANUFACTURER = ("USBDeviceKeyVendorName", "manufacturer")
SERIAL = ("USBDeviceKeySerialNumber", "serial_num")
MEDIA = frozenset({"bsd_name", "Media", "removable_media"})
BUS = frozenset({"Driver", "host_controller"})
LISTS = frozenset({"_items", "Media", "volumes", "volumes_anonymous"})
NO_SERIAL = frozenset({"", "Not Provided"})


@dataclass(frozen=True)
class ReportedDevice:
    """A device as it was reported. Storage is True or unknown: nothing tells that it is none."""

    vendor_id: int
    product_id: int
    manufacturer: str
    product: str
    serial: str
    location: Location
    storage: bool | Unknown


@dataclass(frozen=True)
class HostReport:
    """The USB buses of this Mac, counted, and what is attached to them, hubs included."""

    buses: int
    devices: tuple[ReportedDevice, ...]


def parse_host_report(value: Any) -> HostReport:
    """Return what is in either report. Raises `SourceConflictError` where neither is one."""
    if not isinstance(value, dict) or not any(report in value for report in REPORTS):
        raise SourceConflictError(SOURCE, "no report on USB")
    waiting = [item for report in REPORTS for item in _items(value.get(report, []))]
    buses = 0
    devices: list[ReportedDevice] = []
    for _ in range(MAX_ENTRIES):
        if not waiting:
            return HostReport(buses, tuple(devices))
        entry = {ORDER.sub("", key, count=1): item for key, item in waiting.pop().items()}
        # Devices must not hide in what this reader does not know.
        if any(isinstance(item, list) and key not in LISTS for key, item in entry.items()):
            raise SourceConflictError(SOURCE, "an entry with an unknown list")
        waiting.extend(_items(entry.get("_items", [])))
        product_id = _text(entry, PRODUCT_ID)
        if product_id:
            devices.append(_device(entry, product_id))
        elif BUS & entry.keys():
            buses += 1
        else:
            raise SourceConflictError(SOURCE, "neither a bus nor a device")
    raise SourceConflictError(SOURCE, f"more than {MAX_ENTRIES} entries")


def _device(entry: dict[str, Any], product_id: str) -> ReportedDevice:
    serial = _text(entry, SERIAL)
    return ReportedDevice(
        vendor_id=_id(_text(entry, VENDOR_ID)),
        product_id=_id(product_id),
        manufacturer=_text(entry, MANUFACTURER),
        product=_text(entry, ("_name",)),
        serial="" if serial in NO_SERIAL else serial,
        location=_location(entry),
        storage=True if MEDIA & entry.keys() else UNKNOWN,
    )


def _location(entry: dict[str, Any]) -> Location:
    kind = entry.get("USBKeyHardwareType")
    if kind == "Built-in" or str(entry.get("Built-in_Device", "")).lower() == "yes":
        return Location.INTERNAL
    return Location.EXTERNAL if kind == "Removable" else Location.UNKNOWN


def _id(text: str) -> int:
    found = NUMBER.fullmatch(text.strip().lower())
    if found is None and text not in WORDS:
        raise SourceConflictError(SOURCE, "a device without an id")
    return WORDS[text] if found is None else int(found.group(1), 16)


def _items(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SourceConflictError(SOURCE, "not a list of entries")
    return value


def _text(entry: dict[str, Any], keys: tuple[str, ...]) -> str:
    return next((value for key in keys if isinstance(value := entry.get(key), str)), "")
