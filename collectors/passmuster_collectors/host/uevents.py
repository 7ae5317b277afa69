"""Uevents: what the kernel tells of a device that comes, goes or changes, and udev sends on.

Shapes: `lib/kobject_uevent.c` of the kernel, `src/libsystemd/sd-device/device-monitor.c` of systemd
for what udev sends on after its rules have run.
"""

import re
import socket
import struct
from dataclasses import dataclass

from passmuster_collectors.host.answers import UsbSighting

UDEV_PREFIX = b"libudev\0"
UDEV_MAGIC = 0xFEEDCAFE
UDEV_HEADER = struct.Struct("=8sIIII")
"""Prefix, magic (network byte order), header size, offset and length of the properties."""

USB_PLACE = re.compile(r"/(\d+-\d+(?:\.\d+){0,6})(?:/\1(:\d+\.\d+))?\Z")
USB_PRODUCT = re.compile(r"([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/[0-9a-fA-F]{1,4}")
USB_INTERFACE = re.compile(r"(\d{1,3})/(\d{1,3})/(\d{1,3})")


class MessageFormatError(ValueError):
    """A netlink message is not in its documented format."""


@dataclass(frozen=True)
class Uevent:
    """A device event: `add`, `remove`, `bind`, `change`, and so on, of a device in a subsystem."""

    action: str
    device_path: str
    subsystem: str
    product: str = ""
    interface: str = ""

    def sighting(self) -> UsbSighting | None:
        """Return what it tells of a USB device; None where it is about something else.

        `PRODUCT` is vendor, product and release, `INTERFACE` class, subclass and protocol
        (drivers/usb/core/driver.c and message.c of the kernel).
        """
        place = USB_PLACE.search(self.device_path)
        product = USB_PRODUCT.fullmatch(self.product)
        numbers = USB_INTERFACE.fullmatch(self.interface)
        if self.action not in ("add", "remove") or place is None or product is None:
            return None
        if (place[2] is None) is not (numbers is None):
            return None
        triple = None if numbers is None else (int(numbers[1]), int(numbers[2]), int(numbers[3]))
        vendor_id, product_id = (number.lower().rjust(4, "0") for number in product.groups())
        return UsbSighting(self.action == "add", place[1], vendor_id, product_id, triple)


def parse_uevent(data: bytes) -> Uevent:
    """Return the event in a message of the kernel or of udev.

    Raises `MessageFormatError` where it is neither.
    """
    if data.startswith(UDEV_PREFIX):
        properties = _udev_properties(data)
    else:
        title, separator, properties = data.partition(b"\0")
        if not separator or b"@" not in title:
            raise MessageFormatError("neither a kernel nor a udev event")
    found: dict[str, str] = {}
    for entry in properties.split(b"\0"):
        name, separator, value = entry.partition(b"=")
        if separator:
            found[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    try:
        return Uevent(
            found["ACTION"],
            found["DEVPATH"],
            found["SUBSYSTEM"],
            found.get("PRODUCT", ""),
            found.get("INTERFACE", ""),
        )
    except KeyError as missing:
        raise MessageFormatError(f"the event has no {missing.args[0]}") from None


def _udev_properties(data: bytes) -> bytes:
    if len(data) < UDEV_HEADER.size:
        raise MessageFormatError("the udev header is cut off")
    _, magic, _, offset, length = UDEV_HEADER.unpack_from(data)
    if socket.ntohl(magic) != UDEV_MAGIC:
        raise MessageFormatError("the udev header has another magic number")
    if offset < UDEV_HEADER.size or offset + length > len(data):
        raise MessageFormatError("the udev header points outside the message")
    return data[offset : offset + length]
