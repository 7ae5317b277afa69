"""Devices that came and went between two readings, put together from what the system told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.signals.usb_devices.answers import any_of
from passmuster_collectors.signals.usb_devices.facts import MAX_INTERFACES, Location, UsbDevice
from passmuster_collectors.signals.usb_devices.history import Recollection, identity_of
from passmuster_collectors.signals.usb_devices.interface_classes import (
    BOOT_KEYBOARD,
    HUB,
    Triple,
    as_text,
    is_hub,
    is_network,
    is_storage,
)
from passmuster_collectors.signals.usb_devices.portable import keyboard_by_class


@dataclass
class _Glimpse:
    """One stay of a device, as far as it is told."""

    vendor_id: str
    product_id: str
    at: datetime | None
    triples: set[Triple] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        """The interfaces as facts have them; a hub's own says nothing about the device."""
        return {as_text(each) for each in self.triples if each[0] != HUB}


@dataclass(frozen=True)
class Left:
    """A device that was attached and was heard to go; `at` is when."""

    device: UsbDevice
    at: datetime | None


class Glimpses:
    """What was told of each socket, one device after the other."""

    def __init__(self, sightings: Sequence[UsbSighting]) -> None:
        self._seen: dict[tuple[str, str, str], _Glimpse] = {}
        self._gone: dict[tuple[str, str, str], datetime | None] = {}
        for each in sightings:
            # Each is told twice, by the kernel and by udev, which may come after the device left.
            key = (each.port, each.vendor_id, each.product_id)
            if each.appeared:
                glimpse = self._seen.setdefault(key, _Glimpse(*key[1:], each.at))
                if each.interface is not None:
                    glimpse.triples.add(each.interface)
            elif each.interface is None:
                self._gone.setdefault(key, each.at)

    def left(self, past: Recollection) -> list[Left]:
        """Return the devices that were attached at the last reading and were heard to go."""
        return [
            Left(socket.device, self._gone[_key(port, socket.device)])
            for port, socket in past.sockets.items()
            if socket.left_at is None and _key(port, socket.device) in self._gone
        ]

    def gone(
        self, attached: Sequence[UsbDevice], past: Recollection, *, is_whole: bool
    ) -> Iterator[UsbDevice]:
        """Yield the devices that were heard to come and are not there, `attached_at` when heard.

        Not one that an earlier reading has: its going is told by that. But an announcement comes in
        parts, the device before its interfaces, and a reading may have been between them: what the
        earlier one knew nothing of is told. That a device has gone, a list that `is_whole` says
        before it is heard. And a keyboard has gone where what is back in its place can't type.
        """
        listed = {_key(each.port, each): each for each in attached}
        for key, glimpse in self._seen.items():
            if is_hub(frozenset(glimpse.triples)):
                continue
            there = listed.get(key)
            if there is not None:
                if self._was_keyboard(key) and not _may_be_keyboard(there, past):
                    yield _device(key[0], glimpse)
                continue
            earlier = past.sockets.get(key[0])
            if earlier is None or _key(key[0], earlier.device) != key:
                yield _device(key[0], glimpse)
                continue
            has_left = is_whole or earlier.left_at is not None
            is_told = glimpse.names <= {*earlier.device.interfaces}
            is_new = earlier.device.keyboard is True or not _has_typed(earlier.device, past)
            if has_left and not is_told and is_new:
                yield _completed(earlier.device, _device(key[0], glimpse))

    def _was_keyboard(self, key: tuple[str, str, str]) -> bool:
        """Whether a device was heard to come as a keyboard, and to go."""
        return key in self._gone and BOOT_KEYBOARD in self._seen[key].triples


def _key(port: str, device: UsbDevice) -> tuple[str, str, str]:
    return (port, device.vendor_id, device.product_id)


def _may_be_keyboard(device: UsbDevice, past: Recollection) -> bool:
    return device.keyboard is not False or _has_typed(device, past)


def _has_typed(device: UsbDevice, past: Recollection) -> bool:
    """Whether what it claims to be was a keyboard when it was here before."""
    known = past.known.get(identity_of(device))
    return known is not None and known.keyboard is True


def _device(port: str, glimpse: _Glimpse) -> UsbDevice:
    triples = frozenset(glimpse.triples)
    unknown = not triples or any(each[0] == 0xFF for each in triples)
    return UsbDevice(
        vendor_id=glimpse.vendor_id,
        product_id=glimpse.product_id,
        name="",
        serial=None,
        interfaces=tuple(sorted(glimpse.names))[:MAX_INTERFACES],
        location=Location.UNKNOWN,
        keyboard=keyboard_by_class(triples) if triples else UNKNOWN,
        storage=any(map(is_storage, triples)) or (UNKNOWN if unknown else False),
        network=any(map(is_network, triples)) or (UNKNOWN if unknown else False),
        indicators=(),
        attached_at=glimpse.at,
        port=port,
    )


def _completed(earlier: UsbDevice, heard: UsbDevice) -> UsbDevice:
    """Return what was heard with what was known already, as far as it is the same device.

    A serial number is in no announcement.
    """
    if not earlier.interfaces or earlier.serial is not None:
        return heard
    return replace(
        earlier,
        interfaces=tuple(sorted({*earlier.interfaces, *heard.interfaces}))[:MAX_INTERFACES],
        keyboard=any_of([earlier.keyboard, heard.keyboard]),
        storage=any_of([earlier.storage, heard.storage]),
        network=any_of([earlier.network, heard.network]),
        attached_at=heard.attached_at,
    )
