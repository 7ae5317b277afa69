"""A laptop's USB bus on a stage: a private /sys/bus for one process, and uevents over netlink.

The process under test runs unchanged. It sees the stage through a mount namespace of its own, and
it hears the event from the kernel's real netlink multicast group, to which this test sends what
udev would send. Both need root.
"""

import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import missing, require_tool

NETLINK_KOBJECT_UEVENT = 15
UDEV_GROUP = 2
UDEV_MAGIC = 0xFEEDCAFE
UDEV_HEADER = "=8sIIIIIIII"

MOUNTS = """
set -e
mount -t tmpfs none /sys/bus
mkdir -p /sys/bus/usb/devices /sys/bus/usb/tree/usb1
ln -s ../tree/usb1 /sys/bus/usb/devices/usb1
cd /sys/bus/usb/tree/usb1
echo 1d6b > idVendor; echo 0002 > idProduct; echo 09 > bDeviceClass; echo 0504 > bcdDevice
echo 1 > busnum; echo 1 > devnum; echo 0 > devpath; echo unknown > removable
echo "xHCI Host Controller" > product
cd /
exec "$@"
"""


@dataclass(frozen=True)
class StagedDevice:
    """A USB device with one interface. `interface` is (class, subclass, protocol)."""

    port: str
    vendor_id: int
    product_id: int
    product: str
    serial: str
    interface: tuple[int, int, int]


STICK = StagedDevice("1-2", 0x0781, 0x5581, "Ultra", "4C530001", (0x08, 0x06, 0x50))


def require_stage() -> None:
    """Skip (in CI: fail) the test where mounts and uevents are not permitted."""
    require_tool("unshare")
    try:
        send_uevent({"ACTION": "change", "DEVPATH": "/devices/none", "SUBSYSTEM": "none"})
        tried = subprocess.run(on_stage(["true"]), capture_output=True, timeout=10, check=False)
    except OSError as error:
        missing(f"uevents can't be sent here ({error.strerror}): run as root")
    if tried.returncode != 0:
        missing("a private mount namespace can't be made here: run as root")


def on_stage(command: Sequence[str]) -> list[str]:
    """Return the command line that runs `command` with a USB bus of its own, still empty."""
    unshare = str(require_tool("unshare"))
    return [unshare, "--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh", *command]


def plug_in(pid: int, device: StagedDevice) -> None:
    """Let `device` appear on the bus of the process `pid`, and say so as udev does."""
    bus = Path(f"/proc/{pid}/root/sys/bus/usb")
    node = bus / "tree/usb1" / device.port
    interface = f"{device.port}:1.0"
    (node / interface).mkdir(parents=True)
    _write(
        node,
        {
            "idVendor": f"{device.vendor_id:04x}",
            "idProduct": f"{device.product_id:04x}",
            "bcdDevice": "0100",
            "bDeviceClass": "00",
            "busnum": "1",
            "devnum": "7",
            "devpath": device.port.partition("-")[2],
            "product": device.product,
            "serial": device.serial,
            "removable": "removable",
            "authorized": "1",
            "speed": "480",
        },
    )
    (node / "descriptors").write_bytes(_descriptors(device))
    device_class, subclass, protocol = device.interface
    _write(
        node / interface,
        {
            "bInterfaceClass": f"{device_class:02x}",
            "bInterfaceSubClass": f"{subclass:02x}",
            "bInterfaceProtocol": f"{protocol:02x}",
            "bInterfaceNumber": "00",
            "bAlternateSetting": " 0",
            "authorized": "1",
        },
    )
    (bus / "devices" / interface).symlink_to(f"../tree/usb1/{device.port}/{interface}")
    (bus / "devices" / device.port).symlink_to(f"../tree/usb1/{device.port}")
    announce("add", device)


def announce(action: str, device: StagedDevice) -> None:
    """Say what the kernel says of a device and its interface that come (`add`) or go (`remove`)."""
    about = {
        "ACTION": action,
        "SUBSYSTEM": "usb",
        "SEQNUM": str(os.getpid()),
        "PRODUCT": f"{device.vendor_id:x}/{device.product_id:x}/100",
    }
    path = f"/devices/pci0000:00/0000:00:14.0/usb1/{device.port}"
    of_the_interface = {
        "DEVPATH": f"{path}/{device.port}:1.0",
        "DEVTYPE": "usb_interface",
        "INTERFACE": "/".join(str(number) for number in device.interface),
    }
    of_the_device = {"DEVPATH": path, "DEVTYPE": "usb_device"}
    messages = [of_the_device, of_the_interface]
    for each in messages if action == "add" else reversed(messages):
        send_uevent({**about, **each})


def pull_out(pid: int, device: StagedDevice) -> None:
    """Let `device` vanish from the bus of the process `pid`, and say so as udev does."""
    bus = Path(f"/proc/{pid}/root/sys/bus/usb")
    (bus / "devices" / device.port).unlink()
    (bus / "devices" / f"{device.port}:1.0").unlink()
    shutil.rmtree(bus / "tree/usb1" / device.port)
    announce("remove", device)


def send_uevent(properties: Mapping[str, str]) -> None:
    """Send a message of udev's to everyone who listens to udev's multicast group."""
    body = b"".join(f"{name}={value}\0".encode() for name, value in properties.items())
    size = struct.calcsize(UDEV_HEADER)
    magic = socket.htonl(UDEV_MAGIC)
    header = struct.pack(UDEV_HEADER, b"libudev\0", magic, size, size, len(body), 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as sender:
        sender.sendto(header + body, (0, UDEV_GROUP))


def _write(folder: Path, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        (folder / name).write_text(value + "\n", encoding="utf-8")


def _descriptors(device: StagedDevice) -> bytes:
    """Device, configuration and interface descriptor (USB 2.0, tables 9-8, 9-10 and 9-12)."""
    head = struct.pack(
        "<BBHBBBBHHHBBBB",
        *(18, 1, 0x0200, 0, 0, 0, 64),
        *(device.vendor_id, device.product_id, 0x0100, 1, 2, 3, 1),
    )
    interface = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 0, *device.interface, 0)
    length = 9 + len(interface)
    return head + struct.pack("<BBHBBBBB", 9, 2, length, 1, 1, 0, 0x80, 50) + interface
