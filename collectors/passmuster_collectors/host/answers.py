"""What a machine answers that is asked as a `Host`, on any system."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Completed:
    """A program that ran to its end."""

    status: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class FileStatus:
    """What `stat` says: `device` is the (major, minor) of the file system that holds the file.

    On Windows it is (0, serial number of the volume) and the owner is 0. `modified` is when the
    content last changed, in UTC; None where that is not told. `number` is the file's own (its
    inode), 0 where that is not told.
    """

    device: tuple[int, int]
    owner: int
    mode: int
    size: int
    modified: datetime | None = None
    number: int = 0


@dataclass(frozen=True)
class Process:
    """A running process: numeric owner and argument vector, both as the kernel tells them.

    On Windows the owner is the number of the session it runs in: session 0 holds services alone.
    """

    pid: int
    uid: int
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """A user account of this machine."""

    uid: int
    name: str
    home: str


@dataclass(frozen=True)
class NetworkInterface:
    """A network interface: whether it is up, and whether a default route goes through it."""

    name: str
    up: bool
    default_route: bool


@dataclass(frozen=True)
class AccessPoint:
    """An access point as its beacons describe it, and what the kernel knows of the link to it.

    `capability` are the bits and `elements` the information elements of IEEE 802.11, section 9.3.3.
    `protected_management`: whether management frames are protected; `high_throughput`: whether
    rates of 802.11n or later are in use. None: not told.
    """

    capability: int
    elements: bytes
    protected_management: bool | None
    high_throughput: bool | None


@dataclass(frozen=True)
class WirelessState:
    """What the kernel's Wi-Fi layer says of an interface.

    `joins` is false for one that serves others (a hotspot) or only listens. `points` are the access
    points it has joined: none, one, or with multi-link several.
    """

    joins: bool
    points: tuple[AccessPoint, ...]


@dataclass(frozen=True)
class UsbDescription:
    """A USB device as the portable enumerator (libusb) describes it: numbers only.

    `interfaces` are (class, subclass, protocol) triples; `port` is the bus number and port chain.
    """

    vendor_id: int
    product_id: int
    interfaces: tuple[tuple[int, int, int], ...]
    port: tuple[int, ...]


@dataclass(frozen=True)
class UsbSighting:
    """What the system told of a USB device, or of one interface of it, that came or went.

    `port` is its socket (`1-2.3`); ids are four hexadecimal digits; `interface` is a class,
    subclass and protocol, None where it is about the device itself. `at` is when it was heard.
    """

    appeared: bool
    port: str
    vendor_id: str
    product_id: str
    interface: tuple[int, int, int] | None = None
    at: datetime | None = None
