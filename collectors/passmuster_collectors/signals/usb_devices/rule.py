"""Which attached USB devices are acceptable."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Items, Text
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter
from passmuster_collectors.signals.usb_devices.facts import (
    MAX_INTERFACES,
    Indicator,
    Location,
    UsbDevice,
    UsbDevicesFacts,
)
from passmuster_collectors.signals.usb_devices.interface_classes import HID


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
    VANISHED_KEYBOARD = Indicator.VANISHED_KEYBOARD.value
    FORBIDDEN = "forbidden"
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


OF_ANY_KEYBOARD = frozenset({Indicator.SECOND_KEYBOARD, Indicator.VANISHED_KEYBOARD})
"""Indicators that a keyboard of a kind that is known has as well."""


@dataclass(frozen=True)
class UsbLimits:
    """What may be attached.

    `trust_baseline`: a device of which nobody can tell where it sits, and that was there when the
    laptop was enrolled, counts as built in. One that is certainly plugged in never does.
    `known_classes` are codes of two hexadecimal digits (`03`: human interface, `08`: storage): a
    device all of whose interfaces are of these needs no approval. `forbidden_devices` fail whatever
    approves them.
    """

    known_devices: Annotated[tuple[KnownDevice, ...], Items(most=1000), Stricter.FEWER] = ()
    known_classes: Annotated[
        tuple[Annotated[str, Text(longest=2)], ...], Items(most=64), Stricter.FEWER
    ] = ()
    forbidden_devices: Annotated[tuple[KnownDevice, ...], Items(most=1000), Stricter.MORE] = ()
    forbid_unknown_storage: Annotated[bool, Stricter.YES] = True
    forbid_unknown_keyboard: Annotated[bool, Stricter.YES] = True
    forbid_indicators: Annotated[bool, Stricter.YES] = True
    trust_baseline: Annotated[bool, Stricter.NO] = True


def judge(facts: UsbDevicesFacts, limits: UsbLimits) -> tuple[Finding, ...]:
    """Return what is wrong with the attached devices.

    Built-in devices need no approval; a device of which it is not known where it sits is taken to
    be plugged in. Ids are easily faked, so approval by ids alone silences no sign of an attack but
    those that any keyboard of that kind gives; approval of one serial silences them all, and
    approval of a class none. A device that the system does not let work, or that has left, is held
    to its signs of an attack alone.
    """
    return tuple(found for device in facts.devices for found in _judge(device, limits))


def _judge(device: UsbDevice, limits: UsbLimits) -> Iterator[Finding]:
    approvals = [known for known in limits.known_devices if known.covers(device)]
    details = {"device": _called(device), "ids": f"{device.vendor_id}:{device.product_id}"}
    works = device.attached and device.authorized is not False
    if works and any(each.covers(device) for each in limits.forbidden_devices):
        yield finding(Problem.FORBIDDEN, Outcome.FAIL, **details)
        return
    if limits.forbid_indicators and all(known.serial is None for known in approvals):
        for indicator in device.indicators:
            if not approvals or indicator not in OF_ANY_KEYBOARD:
                yield finding(Problem(indicator.value), Outcome.FAIL, **details)
    known = bool(approvals) or _is_of_known_classes(device, limits)
    if known or not works or _is_built_in(device, limits):
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


def _is_built_in(device: UsbDevice, limits: UsbLimits) -> bool:
    if device.location is Location.UNKNOWN:
        return limits.trust_baseline and device.baseline is True
    return device.location is Location.INTERNAL


def _is_of_known_classes(device: UsbDevice, limits: UsbLimits) -> bool:
    known = {each.lower() for each in limits.known_classes}
    return (
        _is_told_whole(device)
        and bool(device.interfaces)
        and all(each[:2] in known for each in device.interfaces)
    )


def _is_told_whole(device: UsbDevice) -> bool:
    """Return whether the interfaces that are told are certainly all that the device has."""
    if len(device.interfaces) >= MAX_INTERFACES:
        return False  # there may be others beyond those that fit
    # An interface that could not be read leaves unknown whatever no other one makes true: where
    # nothing is False, one may be hidden. A keyboard is unknown too where a human interface that
    # is told has not named its reports.
    abilities = (device.keyboard, device.storage, device.network)
    unclear = device.keyboard == UNKNOWN and not any(map(_is_human, device.interfaces))
    return False in abilities and not unclear and UNKNOWN not in (device.storage, device.network)


def _is_human(interface: str) -> bool:
    return interface.startswith(f"{HID:02x}")


def _called(device: UsbDevice) -> str:
    return device.name or f"a device without a name ({device.vendor_id}:{device.product_id})"
