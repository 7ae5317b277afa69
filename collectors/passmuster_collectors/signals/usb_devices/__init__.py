"""Which USB devices are attached, and what they could do."""

from collections.abc import Sequence
from typing import Any

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.signal import Signal
from passmuster_collectors.signals.usb_devices.facts import UsbDevicesFacts
from passmuster_collectors.signals.usb_devices.problems import PROBLEMS
from passmuster_collectors.signals.usb_devices.rule import UsbLimits, judge


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.usb_devices import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.usb_devices import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.usb_devices import windows  # noqa: PLC0415 - as above

    return windows.read(host)


def _remember(
    reading: Reading, memory: Any, sightings: Sequence[UsbSighting], is_first: bool
) -> tuple[Reading, Any]:
    from passmuster_collectors.signals.usb_devices.remember import remember  # noqa: PLC0415 - as above

    return remember(reading, memory, sightings, is_first=is_first)


SIGNAL: Signal[UsbDevicesFacts, UsbLimits] = Signal(
    id="usb_devices",
    title="USB devices",
    why=(
        "A USB stick can carry customers' data away, and a device that poses as a keyboard can "
        "type commands in seconds.\nPassmuster looks at what is plugged in, never at what is on it."
    ),
    facts=UsbDevicesFacts,
    limits=UsbLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    triggers=frozenset({"usb", "hid"}),
    remember=_remember,
)
