"""Which attached USB devices are acceptable."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Items, Text
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.usb_devices.facts import (
    Indicator,
    Location,
    UsbDevice,
    UsbDevicesFacts,
)


class Problem(StrEnum):
    """What can be wrong with a device; an indicator's problem is called like the indicator."""

    UNKNOWN_STORAGE = "unknown_storage"
    UNKNOWN_KEYBOARD = "unknown_keyboard"
    UNCLEAR_STORAGE = "unclear_storage"
    UNCLEAR_KEYBOARD = "unclear_keyboard"
    KEYBOARD_AND_STORAGE = Indicator.KEYBOARD_AND_STORAGE.value
    KEYBOARD_AND_NETWORK = Indicator.KEYBOARD_AND_NETWORK.value
    KEYBOARD_AND_SERIAL = Indicator.KEYBOARD_AND_SERIAL.value
    SECOND_KEYBOARD = Indicator.SECOND_KEYBOARD.value
    IDENTITY_CHANGED_ON_PORT = Indicator.IDENTITY_CHANGED_ON_PORT.value
    KNOWN_ATTACK_ID = Indicator.KNOWN_ATTACK_ID.value
    CLONED_IDENTITY = Indicator.CLONED_IDENTITY.value
    UNREADABLE = UNREADABLE_KEY


@dataclass(frozen=True)
class KnownDevice:
    """A device that IT has approved.

    Ids are four hexadecimal digits; `serial` is the keyed hash as the fleet page shows it. Without
    a serial every device that claims the two ids is approved.
    """

    vendor_id: Annotated[str, Text(longest=4)]
    product_id: Annotated[str, Text(longest=4)]
    serial: Annotated[str, Text(longest=32)] | None = None

    def covers(self, device: UsbDevice) -> bool:
        """Return whether `device` is the one that was approved."""
        return (
            self.vendor_id.lower() == device.vendor_id
            and self.product_id.lower() == device.product_id
            and (self.serial is None or self.serial.lower() == device.serial)
        )


@dataclass(frozen=True)
class UsbLimits:
    """What may be attached."""

    known_devices: Annotated[tuple[KnownDevice, ...], Items(most=1000)] = ()
    forbid_unknown_storage: bool = True
    forbid_unknown_keyboard: bool = True
    forbid_indicators: bool = True


def judge(facts: UsbDevicesFacts, limits: UsbLimits) -> tuple[Finding, ...]:
    """Return what is wrong with the attached devices.

    Built-in devices need no approval; a device of which it is not known where it sits is taken to
    be plugged in. Ids are easily faked, so approval by ids alone silences no sign of an attack but
    that of being a second keyboard; approval of one serial silences them all.
    """
    return tuple(found for device in facts.devices for found in _judge(device, limits))


def _judge(device: UsbDevice, limits: UsbLimits) -> Iterator[Finding]:
    approvals = [known for known in limits.known_devices if known.covers(device)]
    details = {"device": _called(device), "ids": f"{device.vendor_id}:{device.product_id}"}
    if limits.forbid_indicators and all(known.serial is None for known in approvals):
        for indicator in device.indicators:
            if not approvals or indicator is not Indicator.SECOND_KEYBOARD:
                yield finding(Problem(indicator.value), Outcome.FAIL, **details)
    if approvals or device.location is Location.INTERNAL:
        return
    if limits.forbid_unknown_keyboard:
        if device.keyboard == UNKNOWN:
            yield finding(Problem.UNCLEAR_KEYBOARD, Outcome.UNKNOWN, **details)
        elif device.keyboard:
            yield finding(Problem.UNKNOWN_KEYBOARD, Outcome.FAIL, **details)
    if limits.forbid_unknown_storage:
        if device.storage == UNKNOWN:
            yield finding(Problem.UNCLEAR_STORAGE, Outcome.UNKNOWN, **details)
        elif device.storage:
            yield finding(Problem.UNKNOWN_STORAGE, Outcome.FAIL, **details)


def _called(device: UsbDevice) -> str:
    return device.name or f"a device without a name ({device.vendor_id}:{device.product_id})"
