"""One interface of a USB device in sysfs: its class, and what its driver made of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.signals.usb_devices.answers import any_of
from passmuster_collectors.signals.usb_devices.interface_classes import BOOT_KEYBOARD, HID, Triple
from passmuster_collectors.signals.usb_devices.linux.asked import Asked
from passmuster_collectors.signals.usb_devices.report_descriptor import (
    ReportDescriptorError,
    parse_types_keys,
)

CODE = re.compile(r"[0-9a-f]{2}")
CLASS_FILES = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")

HID_DEVICE = re.compile(r"[0-9A-F]{4}:[0-9A-F]{4}:[0-9A-F]{4}\.[0-9A-F]{4,}")  # bus:vendor:product
INPUT_NODE = re.compile(r"input\d+")
SCSI_HOST = re.compile(r"host\d+")
SERIAL_PORT = re.compile(r"tty(USB\d+)?")

MAX_REPORT_DESCRIPTOR = 4096  # HID_MAX_DESCRIPTOR_SIZE, linux/hid.h

KEY_BITMAP = re.compile(r"[0-9a-f]+( [0-9a-f]+)*")
# KEY_Q…KEY_P, KEY_A…KEY_L, KEY_Z…KEY_M in linux/input-event-codes.h
LETTER_KEYS = sum(1 << code for code in (*range(16, 26), *range(30, 39), *range(44, 51)))


@dataclass(frozen=True)
class Interface:
    """What is known of an interface; `triple` is None where its class could not be read."""

    triple: Triple | None
    keyboard: bool | Unknown
    storage: bool | Unknown
    network: bool | Unknown
    serial_port: bool
    name: str


def read_interface(asked: Asked, path: str) -> Interface:
    """Return what the kernel says of the interface at `path`."""
    codes = [asked.required_text(f"{path}/{file}", CODE) for file in CLASS_FILES]
    numbers = [int(code, 16) for code in codes if code is not None]
    triple = (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None
    children = asked.names(path)
    by_driver = UNKNOWN if children is None or triple is None else False
    children = children or ()
    return Interface(
        triple=triple,
        keyboard=_keyboard(asked, path, children, triple),
        storage=any(map(SCSI_HOST.fullmatch, children)) or by_driver,
        network="net" in children or by_driver,
        serial_port=any(map(SERIAL_PORT.fullmatch, children)),
        name=asked.text(f"{path}/interface") or "",
    )


def _keyboard(
    asked: Asked, path: str, children: Iterable[str], triple: Triple | None
) -> bool | Unknown:
    if triple == BOOT_KEYBOARD:
        return True
    answers: list[bool | Unknown] = []
    if "input" in children:
        answers.append(_any_input_types(asked, f"{path}/input"))
    answers += [
        _human_interface_types(asked, f"{path}/{child}")
        for child in children
        if HID_DEVICE.fullmatch(child)
    ]
    if triple is None or (triple[0] == HID and not answers):
        # No driver has asked the device for its reports: not yet, or it was not let in.
        answers.append(UNKNOWN)
    return any_of(answers)


def _human_interface_types(asked: Asked, path: str) -> bool | Unknown:
    descriptor = f"{path}/report_descriptor"
    data = asked.file(descriptor, MAX_REPORT_DESCRIPTOR)
    if data is not None:
        try:
            return parse_types_keys(data)
        except ReportDescriptorError:
            asked.refuse(descriptor, SourceOutcome.CONFLICT, "not a report descriptor")
    return _any_input_types(asked, f"{path}/input")


def _any_input_types(asked: Asked, path: str) -> bool | Unknown:
    names = asked.names(path)
    nodes = [name for name in names or () if INPUT_NODE.fullmatch(name)]
    if not nodes:
        return UNKNOWN
    return any_of([_input_types(asked, f"{path}/{node}") for node in nodes])


def _input_types(asked: Asked, path: str) -> bool | Unknown:
    bitmap = asked.required_text(f"{path}/capabilities/key", KEY_BITMAP)
    return UNKNOWN if bitmap is None else parse_has_letters(bitmap)


def parse_has_letters(bitmap: str) -> bool:
    """Return whether a `capabilities/key` bitmap has keys with letters.

    Words of the kernel's width in hexadecimal, the lowest last. That one holds letters on every
    keyboard, whether it has 32 bits or 64.
    """
    return bool(int(bitmap.rpartition(" ")[2], 16) & LETTER_KEYS)
