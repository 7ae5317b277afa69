"""USB devices on Windows: what is there now, by the tree of devices and their drivers' classes."""

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.usb_devices.answers import displayed_name
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.indicators import (
    MAX_DEVICES,
    AttachedDevice,
    most_telling,
    with_indicators,
)
from passmuster_collectors.signals.usb_devices.windows.device_tree import (
    TreeDevice,
    has_controller,
    parse_devices,
)

SIGNAL = "usb_devices"
MILLISECOND = 10_000  # a FILETIME counts tenths of microseconds

NOT_TOLD = "Windows did not say which USB devices are attached."
TOO_MANY = f"More than {MAX_DEVICES} USB devices are attached."


def read(host: Host) -> Reading:
    """Return the attached devices that are no hubs."""
    inquiry = Inquiry()
    found = inquiry.ask("present devices", lambda: _devices(host))
    if found is None:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    newest = max((device.arrived for device in found), default=0)
    devices = [_device(host, device, newest) for device in found if not device.is_hub]
    facts = UsbDevicesFacts(with_indicators(most_telling(devices)))
    if len(devices) > MAX_DEVICES:
        return unavailable(SIGNAL, host.now(), TOO_MANY, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _devices(host: Host) -> tuple[TreeDevice, ...]:
    present = host.present_devices()
    if not has_controller(present):
        # Without a root hub nothing could be attached, and an empty answer looks like that.
        raise SourceConflictError("present devices", "no USB at all")
    return parse_devices(present)


def _device(host: Host, device: TreeDevice, newest: int) -> AttachedDevice:
    serial = device.serial.encode("utf-8", "replace")
    return AttachedDevice(
        vendor_id=device.vendor_id,
        product_id=device.product_id,
        name=displayed_name("", device.description),
        serial=host.keyed_hash("usb_serial", serial) if serial else None,
        interfaces=device.interfaces,
        location=device.location,
        keyboard=device.keyboard,
        storage=device.storage,
        network=device.network,
        serial_port=device.serial_port,
        # Only which one came first is asked of it: longer than the newest device.
        attached_for_ms=(newest - device.arrived) // MILLISECOND if device.arrived else None,
    )
