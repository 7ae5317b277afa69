"""Brings the history of USB devices up to date, and what it tells into the facts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.signals.usb_devices.answers import any_of
from passmuster_collectors.signals.usb_devices.facts import (
    Indicator,
    Location,
    UsbDevice,
    UsbDevicesFacts,
)
from passmuster_collectors.signals.usb_devices.history import (
    Acquaintance,
    Recollection,
    Socket,
    baseline_of,
    identity_of,
    kept,
    recalled,
    socket_of,
)
from passmuster_collectors.signals.usb_devices.indicators import MAX_DEVICES
from passmuster_collectors.signals.usb_devices.interface_classes import HID
from passmuster_collectors.signals.usb_devices.sightings import Glimpses

CHANGED_WITHIN = timedelta(seconds=2)
"""Faster than a hand swaps two plugs, slower than a device takes to pose as another."""

BRIEFLY = timedelta(seconds=60)
TOLD_FOR = timedelta(hours=1)
SEEN_AGAIN_AFTER = timedelta(hours=1)
"""How exact `last_seen_at` is while a device stays."""

BOOT_MOUSE = "030102"
OF_THE_PAST = frozenset({Indicator.IDENTITY_CHANGED_ON_PORT, Indicator.CLONED_IDENTITY})
"""What stays true of a device for as long as it is attached."""


def remember(
    reading: Reading, memory: Any, sightings: Sequence[UsbSighting], *, is_first: bool
) -> tuple[Reading, Any]:
    """Return the reading with what is remembered, and what to remember from now on.

    `sightings` are what the system told since the last reading: they name devices that came and
    went in between. `is_first` says that the laptop was just enrolled: what is attached then is its
    baseline. A reading without a list of devices changes nothing.
    """
    if reading.facts is None:
        return reading, memory
    facts = codec.decode(UsbDevicesFacts, reading.facts, "facts")
    past, now = recalled(memory), reading.collected_at
    if is_first and memory is None and reading.status is Status.OK:
        past.baseline = baseline_of(facts.devices)
    glimpses = Glimpses(sightings)
    for left in glimpses.left(past):
        _leave(past, left.device, left.at or now)
    is_whole = reading.status is Status.OK
    for glimpsed in glimpses.gone(facts.devices, past, is_whole=is_whole):
        at = glimpsed.attached_at or now
        baseline = _in_baseline(past, glimpsed)
        _leave(past, _met(past, replace(glimpsed, attached_at=at, baseline=baseline), at), at)
    devices = [_recognised(past, each, now, is_first=is_first) for each in facts.devices]
    if is_whole:
        _say_goodbye(past, {socket_of(each) for each in devices}, now)
        past.read_at = now
    past.departed = _still_told(past, devices, now)
    told = (*devices, *past.departed)[:MAX_DEVICES]
    enriched = codec.encode(replace(facts, devices=told))
    return replace(reading, facts=enriched), kept(past)


def _recognised(
    past: Recollection, device: UsbDevice, now: datetime, *, is_first: bool
) -> UsbDevice:
    """Return an attached device with what is known of it, and take note of it."""
    before = past.sockets.get(socket_of(device))
    if before is not None and before.left_at is None and _is_same(before.device, device):
        attached_at = before.device.attached_at
        lasting = [each for each in before.device.indicators if each in OF_THE_PAST]
    else:
        attached_at = device.attached_at or (None if is_first else now)
        lasting = _of_the_past(past, before, device, attached_at)
    found = replace(
        device,
        attached_at=attached_at,
        baseline=_in_baseline(past, device),
        indicators=tuple(dict.fromkeys((*device.indicators, *lasting))),
    )
    found = _met(past, found, now)
    past.sockets[socket_of(found)] = Socket(found)
    return found


def _met(past: Recollection, device: UsbDevice, now: datetime) -> UsbDevice:
    """Return the device with when it was first there, and remember that it was."""
    identity = identity_of(device)
    known = past.known.get(identity)
    if known is None:
        first = device.attached_at or now
        past.known[identity] = Acquaintance(identity, first, now, device.keyboard)
        return replace(device, first_seen_at=first)
    last = now if now - known.last_seen_at >= SEEN_AGAIN_AFTER else known.last_seen_at
    types = any_of([known.keyboard, device.keyboard])
    learned = now if types is True and known.keyboard is not True else known.learned_at
    past.known[identity] = replace(known, last_seen_at=last, keyboard=types, learned_at=learned)
    return replace(device, first_seen_at=known.first_seen_at)


def _of_the_past(
    past: Recollection, before: Socket | None, device: UsbDevice, attached_at: datetime | None
) -> list[Indicator]:
    """Return what is suspicious about a new attachment, by what was there before."""
    found = []
    if before is not None and attached_at is not None and _poses(before.device, device):
        # While it was listed it was there for certain, and since it was heard to go it was not.
        there_until = before.left_at or past.read_at
        if there_until is not None and abs(attached_at - there_until) <= CHANGED_WITHIN:
            found.append(Indicator.IDENTITY_CHANGED_ON_PORT)
    known = past.known.get(identity_of(device)) if device.serial is not None else None
    if known is not None and device.keyboard is True and known.keyboard is False:
        found.append(Indicator.CLONED_IDENTITY)
    return found


def _poses(before: UsbDevice, device: UsbDevice) -> bool:
    """Whether a change is one that tools make and products do not.

    One device after another in a socket is no change by itself: how fast it was tells that.

    Phones and modems change what they are at once, too, but never into a keyboard; a keyboard
    changes its number when it is set up, but not its maker.
    """
    if identity_of(before) == identity_of(device):
        return False
    if device.keyboard is True and before.keyboard is not True:
        return True
    other_maker = before.vendor_id != device.vendor_id
    return other_maker and True in (before.keyboard, device.keyboard)


def _say_goodbye(past: Recollection, attached: set[str], now: datetime) -> None:
    for name, socket in list(past.sockets.items()):
        if name not in attached and socket.left_at is None:
            _leave(past, socket.device, now)


def _leave(past: Recollection, device: UsbDevice, now: datetime) -> None:
    """Take note that a device has gone, and tell of it for a while where it is suspicious."""
    gone = replace(device, attached=False, last_seen_at=now)
    past.sockets[socket_of(device)] = Socket(gone, left_at=now)
    identity = identity_of(device)
    known = past.known[identity] = replace(past.known[identity], last_seen_at=now)
    if device.location is Location.INTERNAL or device.baseline:
        return
    began = device.attached_at or now
    new_since = known.learned_at or device.first_seen_at
    is_new = new_since is not None and now - new_since <= BRIEFLY
    if may_type(device) and is_new and now - began <= BRIEFLY:
        gone = replace(gone, indicators=(*gone.indicators, Indicator.VANISHED_KEYBOARD))
    others = [each for each in past.departed if identity_of(each) != identity]
    if set(gone.indicators) - {Indicator.SECOND_KEYBOARD}:
        past.departed = [*others, gone]


def may_type(device: UsbDevice) -> bool:
    """Whether a device types, or went before anybody could ask it and looks as if it may."""
    human = [each for each in device.interfaces if int(each[:2], 16) == HID]
    unasked = device.keyboard == UNKNOWN and any(each != BOOT_MOUSE for each in human)
    return device.keyboard is True or unasked


def _still_told(
    past: Recollection, attached: Sequence[UsbDevice], now: datetime
) -> list[UsbDevice]:
    """Return the devices that left lately; not one that is back, which speaks for itself.

    What can't type speaks for no keyboard that claimed to be the same.
    """
    back = {identity_of(each) for each in attached}
    may_type_now = {identity_of(each) for each in attached if each.keyboard is not False}
    return [
        each
        for each in past.departed
        if each.last_seen_at is not None
        and timedelta(0) <= now - each.last_seen_at <= TOLD_FOR
        and identity_of(each) not in (may_type_now if each.keyboard is True else back)
    ]


def _is_same(one: UsbDevice, other: UsbDevice) -> bool:
    return identity_of(one) == identity_of(other) and socket_of(one) == socket_of(other)


def _in_baseline(past: Recollection, device: UsbDevice) -> bool | None:
    """Whether it was there at enrolment, in the same socket and with the same abilities.

    Controllers may be numbered otherwise after a restart: the way from there to the socket counts.
    None where nobody looked at enrolment.
    """
    if past.baseline is None:
        return None
    return any(
        identity_of(each) == identity_of(device)
        and each.port.partition("-")[2] == device.port.partition("-")[2]
        and set(device.interfaces) <= set(each.interfaces)
        for each in past.baseline
    )
