"""USB devices on Linux, from the kernel's device tree in `/sys/bus/usb/devices`.

Files: https://www.kernel.org/doc/Documentation/ABI/stable/sysfs-bus-usb and testing/sysfs-bus-usb.
"""

from passmuster_collectors.contract.reading import (
    Reading,
    Source,
    SourceOutcome,
    not_applicable,
    ok,
    unavailable,
)
from passmuster_collectors.host.base import Host, SourceError, SourceMissingError
from passmuster_collectors.signals.usb_devices import portable
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.indicators import (
    MAX_DEVICES,
    most_telling,
    with_indicators,
)
from passmuster_collectors.signals.usb_devices.linux.blocking import new_devices_blocked
from passmuster_collectors.signals.usb_devices.linux.sysfs import DEVICES, UsbTree

SIGNAL = "usb_devices"
BUSES = "/sys/bus"

NO_USB = "This computer has no USB."
INCOMPLETE = "Not every attached USB device let itself be read."
TOO_MANY = f"More than {MAX_DEVICES} USB devices are attached."
NO_TREE = "The computer does not show what its USB devices are."


def read(host: Host) -> Reading:
    """Return the attached devices. Raises `SourceError` where the device tree can't be listed."""
    try:
        names = host.list_directory(DEVICES)
    except SourceMissingError as missing:
        return _without_tree(host, missing)
    tree = UsbTree(host, names)
    devices = tree.devices()
    sources = [Source(DEVICES, SourceOutcome.READ), *tree.refusals]
    blocked = new_devices_blocked(host, names)
    facts = UsbDevicesFacts(with_indicators(most_telling(devices)), blocked.answer)
    sources += blocked.sources
    if len(devices) > MAX_DEVICES:
        return unavailable(SIGNAL, host.now(), TOO_MANY, sources, facts)
    if tree.refusals:
        return unavailable(SIGNAL, host.now(), INCOMPLETE, sources, facts)
    return ok(SIGNAL, host.now(), facts, sources)


def _without_tree(host: Host, missing: SourceError) -> Reading:
    try:
        buses = host.list_directory(BUSES)
    except SourceError as refused:
        return _enumerated(host, [missing.source(), refused.source()])
    if not buses:
        # A folder without a single bus is an empty mount in the kernel's place.
        return _enumerated(host, [missing.source(), Source(BUSES, SourceOutcome.CONFLICT)])
    sources = [Source(BUSES, SourceOutcome.READ), missing.source()]
    if "usb" in buses:
        return unavailable(SIGNAL, host.now(), NO_TREE, sources)
    return not_applicable(SIGNAL, host.now(), NO_USB, sources)


def _enumerated(host: Host, sources: list[Source]) -> Reading:
    """Return what libusb sees: enough to fail on, never enough to pass.

    It looks in the same place, so that an empty list is no evidence of an empty bus.
    """
    try:
        found = host.usb_devices()
    except SourceError as refused:
        return unavailable(SIGNAL, host.now(), NO_TREE, [*sources, refused.source()])
    sources.append(Source("libusb", SourceOutcome.READ))
    devices = most_telling(portable.attached_devices(found))
    facts = UsbDevicesFacts(with_indicators(devices))
    return unavailable(SIGNAL, host.now(), NO_TREE, sources, facts)
