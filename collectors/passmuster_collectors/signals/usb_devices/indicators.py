"""What makes an attached device suspicious, from all devices attached at one moment."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from passmuster_collectors.contract.declaration import Unknown
from passmuster_collectors.signals.usb_devices.facts import (
    MAX_INTERFACES,
    Indicator,
    Location,
    UsbDevice,
)
from passmuster_collectors.signals.usb_devices.interface_classes import Triple, as_text

# Sold as attack tools; vendor f000 is what the examples of one of them claim.
TOOL_VENDORS = frozenset({"f000"})
TOOL_IDS = frozenset({("1d6b", "1347")})
# Shares its ids with every virtual serial port of its chip: only the name tells.
TOOL_NAMES = {("0483", "5740"): "flipper"}

# Development boards that keystroke injectors are made from: harmless unless they can type.
BOARD_VENDORS = frozenset({"239a"})
BOARD_IDS = frozenset(
    {
        ("03eb", "2401"),
        ("03eb", "2403"),
        ("16c0", "0486"),
        ("16c0", "0487"),
        ("16d0", "0753"),
        ("1b4f", "9205"),
        ("1b4f", "9206"),
        ("2341", "8036"),
        ("2341", "8037"),
    }
)

# Makers whose keyboards never hold storage or a network card; injectors claim them most of all.
KEYBOARD_MAKERS = frozenset({"05ac", "046d"})

MAX_DEVICES = 128


@dataclass(frozen=True)
class AttachedDevice:
    """A device as it was found. `attached_for_ms` is how long it has been there, where known."""

    vendor_id: str
    product_id: str
    name: str
    serial: str | None
    interfaces: frozenset[Triple]
    location: Location
    keyboard: bool | Unknown
    storage: bool | Unknown
    network: bool | Unknown
    serial_port: bool = False
    attached_for_ms: int | None = None
    attached_at: datetime | None = None
    port: str = ""
    authorized: bool | None = None

    @property
    def ids(self) -> tuple[str, str]:
        """Vendor and product id."""
        return (self.vendor_id, self.product_id)


def most_telling(devices: Iterable[AttachedDevice]) -> list[AttachedDevice]:
    """Return as many devices as a reading holds, those that may type or store first."""
    return sorted(devices, key=lambda device: not (device.keyboard or device.storage))[:MAX_DEVICES]


def with_indicators(devices: Sequence[AttachedDevice]) -> tuple[UsbDevice, ...]:
    """Return the facts of `devices`, each with its indicators, in an order that ports don't change.

    An `unknown` never adds an indicator: the rule reports what is unknown by itself.
    """
    identities = Counter((*device.ids, device.serial) for device in devices)
    extra = _later_keyboards(devices)
    facts = [
        UsbDevice(
            vendor_id=device.vendor_id,
            product_id=device.product_id,
            name=device.name,
            serial=device.serial,
            interfaces=tuple(sorted(map(as_text, device.interfaces)))[:MAX_INTERFACES],
            location=device.location,
            keyboard=device.keyboard,
            storage=device.storage,
            network=device.network,
            indicators=tuple(
                _indicators(
                    device,
                    has_twin=device.serial is not None
                    and identities[*device.ids, device.serial] > 1,
                    is_later_keyboard=position in extra,
                )
            ),
            attached_at=device.attached_at,
            port=device.port,
            authorized=device.authorized,
        )
        for position, device in enumerate(devices)
    ]
    return tuple(sorted(facts, key=_order))


def _order(device: UsbDevice) -> tuple[str, ...]:
    return (device.vendor_id, device.product_id, device.serial or "", device.name)


def _indicators(
    device: AttachedDevice, *, has_twin: bool, is_later_keyboard: bool
) -> Iterator[Indicator]:
    types = device.keyboard is True
    stores = device.storage is True
    networks = device.network is True
    if types and stores:
        yield Indicator.KEYBOARD_AND_STORAGE
    if types and networks:
        yield Indicator.KEYBOARD_AND_NETWORK
    if types and device.serial_port:
        yield Indicator.KEYBOARD_AND_SERIAL
    if is_later_keyboard:
        yield Indicator.SECOND_KEYBOARD
    if _has_attack_id(device, types=types):
        yield Indicator.KNOWN_ATTACK_ID
    wrong_shape = device.vendor_id in KEYBOARD_MAKERS and types and (stores or networks)
    if wrong_shape or (has_twin and (types or stores)):
        yield Indicator.CLONED_IDENTITY


def _has_attack_id(device: AttachedDevice, *, types: bool) -> bool:
    name = TOOL_NAMES.get(device.ids)
    if device.vendor_id in TOOL_VENDORS or device.ids in TOOL_IDS:
        return True
    if name is not None and name in device.name.lower():
        return True
    return types and (device.vendor_id in BOARD_VENDORS or device.ids in BOARD_IDS)


def _later_keyboards(devices: Sequence[AttachedDevice]) -> set[int]:
    """Return the positions of all plugged-in keyboards but the one that was there first.

    Where it can't be told which one that was, it is any of them.
    """
    keyboards = [
        (position, device.attached_for_ms)
        for position, device in enumerate(devices)
        if device.keyboard is True and device.location is not Location.INTERNAL
    ]
    if len(keyboards) < 2:
        return set()
    known = [(duration, position) for position, duration in keyboards if duration is not None]
    first = max(known)[1] if len(known) == len(keyboards) else None
    return {position for position, _ in keyboards} - {first}
