"""USB devices as the kernel shows them in sysfs, written from the specifications.

One description gives a recorded machine and the same tree for umockdev.
"""

import base64
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BUS = "/sys/bus/usb/devices"
CONTROLLER = "/sys/devices/pci0000:00/0000:00:14.0"

# HID 1.11, appendix B: the boot keyboard and the boot mouse.
KEYBOARD_REPORT = bytes.fromhex(
    "05010906a101050719e029e7150025017501950881029501750881019505750105081901290591029501750391019506"
    "7508150025650507190029658100c0"
)
MOUSE_REPORT = bytes.fromhex(
    "05010902a1010901a10005091901290315002501950375018102950175058101050109300931158125"
    "7f750895028106c0c0"
)
# Usage Tables 1.5: consumer control with volume keys; FIDO alliance page; a maker's own page.
CONSUMER_REPORT = bytes.fromhex("050c0901a1011500250109e909ea750195028102950681 01c0")
FIDO_REPORT = bytes.fromhex("06d0f10901a101092015002600ff750895408102092115002600ff750895409102c0")
VENDOR_REPORT = bytes.fromhex("0600ff0901a101150026ff00750895200901810209019102c0")

ALL_KEYS = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
VOLUME_KEYS = "c000000000000 0"
MOUSE_BUTTONS = "70000 0 0 0 0"


@dataclass(frozen=True)
class Interface:
    """An interface and what its driver made of it.

    `report` is the report descriptor of a human interface device, None where no driver is bound;
    `files` are further files below the interface's folder, such as `net/enx0/address`.
    """

    triple: tuple[int, int, int]
    report: bytes | None = None
    keys: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    """A device in a port such as `1-2.3`. `socket` is the port's connect type."""

    port: str
    vendor: int
    product_id: int
    product: str
    interfaces: Sequence[Interface]
    manufacturer: str = ""
    serial: str = ""
    removable: str = "removable"
    socket: str = "hotplug"
    connected_ms: int = 60_000
    authorized: bool = True
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where the device is in the tree, below the hubs it hangs on."""
        bus, _, ports = self.port.partition("-")
        steps = ports.split(".")
        hubs = [f"{bus}-{'.'.join(steps[:end])}" for end in range(1, len(steps) + 1)]
        return "/".join((CONTROLLER, f"usb{bus}", *hubs))

    def descriptors(self) -> bytes:
        """Return device, configuration and interface descriptors (USB 2.0, section 9.6)."""
        head = struct.pack(
            "<BBHBBBBHHHBBBB",
            *(18, 1, 0x0200, 0, 0, 0, 64),
            *(self.vendor, self.product_id, 0x0100, 1, 2, 3, 1),
        )
        body = b"".join(
            struct.pack("<BBBBBBBBB", 9, 4, number, 0, 0, *each.triple, 0)
            for number, each in enumerate(self.interfaces)
        )
        count, length = len(self.interfaces), 9 + len(body)
        return head + struct.pack("<BBHBBBBB", 9, 2, length, count, 1, 0, 0x80, 50) + body


def hub(port: str, **details: Any) -> Device:
    """Return a hub, which the signal does not report."""
    settings = {"vendor": 0x05E3, "product_id": 0x0610, "product": "USB2.1 Hub", **details}
    return Device(port, interfaces=(Interface((9, 0, 0)),), **settings)


def machine(*devices: Device, **sections: Any) -> dict[str, Any]:
    """Return a recorded machine with one controller, its root hub and `devices`."""
    files: dict[str, Any] = {}
    links = {f"{BUS}/usb1": f"{CONTROLLER}/usb1"}
    for name, value in {"idVendor": "1d6b", "idProduct": "0002", "bDeviceClass": "09"}.items():
        files[f"{CONTROLLER}/usb1/{name}"] = f"{value}\n"
    for device in devices:
        for folder, attributes, _ in _folders(device):
            for name, value in attributes.items():
                content = (
                    {"base64": base64.b64encode(value).decode()}
                    if isinstance(value, bytes)
                    else f"{value}\n"
                )
                files[f"{folder}/{name}"] = content
        links[f"{BUS}/{device.port}"] = device.path
        if device.authorized:
            for number in range(len(device.interfaces)):
                name = f"{device.port}:1.{number}"
                links[f"{BUS}/{name}"] = f"{device.path}/{name}"
        files[f"{_socket(device)}/connect_type"] = f"{device.socket}\n"
        links[f"{device.path}/port"] = _socket(device)
    given: dict[str, Any] = {"platform": "linux", "uid": 0, "files": files, "links": links}
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section} if isinstance(section, dict) else section
    return given


def umockdev(*devices: Device) -> str:
    """Return the same devices in umockdev's format (`umockdev-run --device`), with their nodes."""
    root = Device("1", 0x1D6B, 0x0002, "Root hub", (Interface((9, 0, 0)),), authorized=False)
    attributes: dict[str, Any] = {
        "idVendor": "1d6b",
        "idProduct": "0002",
        "bDeviceClass": "09",
        "bConfigurationValue": "1",
        "descriptors": root.descriptors(),
    }
    blocks = [_block(f"{CONTROLLER}/usb1", {**attributes, **_numbers(1)}, "usb", node=1)]
    for number, device in enumerate(devices, start=2):
        for folder, found, subsystem in _folders(device):
            if folder == device.path:
                blocks.append(_block(folder, {**found, **_numbers(number)}, subsystem, node=number))
            else:
                blocks.append(_block(folder, found, subsystem))
    return "\n".join(blocks)


def _numbers(number: int) -> dict[str, Any]:
    return {"busnum": "1", "devnum": str(number), "speed": "480"}


def _block(path: str, attributes: Mapping[str, Any], subsystem: str, node: int = 0) -> str:
    lines = [f"P: {path.removeprefix('/sys')}", f"E: SUBSYSTEM={subsystem}"]
    if subsystem == "usb":
        lines.append(f"E: DEVTYPE=usb_{'device' if node else 'interface'}")
    if node:
        name = f"bus/usb/001/{node:03d}"
        lines.insert(1, f"N: {name}")
        lines += [f"E: DEVNAME=/dev/{name}", "E: BUSNUM=001", f"E: DEVNUM={node:03d}"]
    for name, value in attributes.items():
        is_raw = isinstance(value, bytes)
        lines.append(f"H: {name}={value.hex().upper()}" if is_raw else f"A: {name}={value}\\n")
    return "\n".join((*lines, ""))


def _socket(device: Device) -> str:
    parent = device.path.rpartition("/")[0]
    port = device.port.rpartition(".")[2] if "." in device.port else device.port.partition("-")[2]
    name = parent.rpartition("/")[2]
    return f"{parent}/{name.removeprefix('usb')}-0:1.0/{name}-port{port}"


def _folders(device: Device) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield each folder of the device's tree with its attributes and its subsystem."""
    attributes: dict[str, Any] = {
        "idVendor": f"{device.vendor:04x}",
        "idProduct": f"{device.product_id:04x}",
        "bDeviceClass": "09" if device.interfaces[0].triple[0] == 9 else "00",
        "bConfigurationValue": "1" if device.authorized else "",
        "authorized": str(int(device.authorized)),
        "removable": device.removable,
        "product": device.product,
        "descriptors": device.descriptors(),
        "power/connected_duration": str(device.connected_ms),
        **device.files,
    }
    if device.manufacturer:
        attributes["manufacturer"] = device.manufacturer
    if device.serial:
        attributes["serial"] = device.serial
    yield device.path, attributes, "usb"
    for number, each in enumerate(device.interfaces):
        if device.authorized:
            yield from _interface_folders(device, f"{device.path}/{device.port}:1.{number}", each)


def _interface_folders(
    device: Device, folder: str, interface: Interface
) -> Iterator[tuple[str, dict[str, Any], str]]:
    classes = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    attributes: dict[str, Any] = {
        name: f"{code:02x}" for name, code in zip(classes, interface.triple, strict=True)
    }
    yield folder, {**attributes, **interface.files}, "usb"
    if interface.report is not None:
        # Numbers of the kernel's that no two devices share: here made from port and interface.
        number = int("".join(filter(str.isdigit, device.port + folder.rpartition(".")[2])))
        human = f"{folder}/0003:{device.vendor:04X}:{device.product_id:04X}.{number:04X}"
        yield human, {"report_descriptor": interface.report}, "hid"
        if interface.keys is not None:
            yield f"{human}/input/input{number}", {"capabilities/key": interface.keys}, "input"
