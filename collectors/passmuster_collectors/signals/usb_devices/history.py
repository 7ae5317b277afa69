"""What a laptop remembers of USB devices: when each was first there, and what its socket held.

Pure: what is remembered is given and returned. It stays on the laptop; what of it IT needs is in
the facts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import Items, Text, Unknown, Whole
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.signals.usb_devices.facts import UsbDevice

VERSION = 1
MAX_KNOWN = 512
MAX_SOCKETS = 128
MAX_DEPARTED = 16

Serial = Annotated[str, Text(longest=32)]


@dataclass(frozen=True)
class Identity:
    """What a device claims to be. Without a serial every device of its make is the same."""

    vendor_id: Annotated[str, Text(longest=4)]
    product_id: Annotated[str, Text(longest=4)]
    serial: Serial | None


@dataclass(frozen=True)
class Acquaintance:
    """An identity that was attached at some time, and whether it could type at any of them.

    `learned_at` is when it first could, where it was met before and could not.
    """

    identity: Identity
    first_seen_at: datetime
    last_seen_at: datetime
    keyboard: bool | Unknown
    learned_at: datetime | None = None


@dataclass(frozen=True)
class Socket:
    """The newest device on a socket; `left_at` is None while it is attached."""

    device: UsbDevice
    left_at: datetime | None = None


@dataclass(frozen=True)
class History:
    """All that is remembered. `read_at` is when the devices were last listed.

    `baseline` are the devices that were there when the laptop was enrolled; None where nobody
    looked then. `departed` are devices that left and that IT is still told of.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)] = VERSION
    read_at: datetime | None = None
    known: Annotated[tuple[Acquaintance, ...], Items(most=MAX_KNOWN)] = ()
    sockets: Annotated[tuple[Socket, ...], Items(most=MAX_SOCKETS)] = ()
    baseline: Annotated[tuple[UsbDevice, ...], Items(most=MAX_SOCKETS)] | None = None
    departed: Annotated[tuple[UsbDevice, ...], Items(most=MAX_DEPARTED)] = ()


@dataclass
class Recollection:
    """A history that is being brought up to date."""

    read_at: datetime | None = None
    known: dict[Identity, Acquaintance] = field(default_factory=dict)
    sockets: dict[str, Socket] = field(default_factory=dict)
    baseline: tuple[UsbDevice, ...] | None = None
    departed: list[UsbDevice] = field(default_factory=list)


def identity_of(device: UsbDevice) -> Identity:
    """Return what the device claims to be."""
    return Identity(device.vendor_id, device.product_id, device.serial)


def socket_of(device: UsbDevice) -> str:
    """Return the socket; where a system does not tell it, the device stands for its own."""
    return device.port or f"{device.vendor_id}:{device.product_id}:{device.serial or ''}"


def recalled(memory: Any) -> Recollection:
    """Return what was remembered; nothing for a memory that is none or of another version."""
    try:
        history = History() if memory is None else codec.decode(History, memory)
    except ContractError:
        history = History()
    return Recollection(
        history.read_at,
        {each.identity: each for each in history.known},
        {socket_of(each.device): each for each in history.sockets},
        history.baseline,
        list(history.departed),
    )


def kept(recollection: Recollection) -> Mapping[str, Any]:
    """Return what to remember, as JSON: the newest of everything, within bounds."""
    by_age = sorted(recollection.known.values(), key=lambda each: each.last_seen_at)
    attached_last = sorted(
        recollection.sockets.values(),
        key=lambda each: (each.left_at is None, codec.encode(each.left_at) or ""),
    )
    history = History(
        read_at=recollection.read_at,
        known=tuple(by_age[-MAX_KNOWN:]),
        sockets=tuple(attached_last[-MAX_SOCKETS:]),
        baseline=recollection.baseline,
        departed=tuple(recollection.departed[-MAX_DEPARTED:]),
    )
    encoded: Mapping[str, Any] = codec.encode(history)
    return encoded


def baseline_of(devices: Sequence[UsbDevice]) -> tuple[UsbDevice, ...]:
    """Return the devices as the baseline keeps them."""
    return tuple(devices[:MAX_SOCKETS])
