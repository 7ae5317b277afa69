"""What is collected about attached USB devices."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text, Unknown, fact

MAX_INTERFACES = 32
"""So many are told of one device; it may have more."""


class Location(StrEnum):
    """Whether the device is built into the laptop."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class Indicator(StrEnum):
    """What makes a device suspicious beyond being unknown."""

    KEYBOARD_AND_STORAGE = "keyboard_and_storage"
    KEYBOARD_AND_NETWORK = "keyboard_and_network"
    KEYBOARD_AND_SERIAL = "keyboard_and_serial"
    SECOND_KEYBOARD = "second_keyboard"
    IDENTITY_CHANGED_ON_PORT = "identity_changed_on_port"
    KNOWN_ATTACK_ID = "known_attack_id"
    CLONED_IDENTITY = "cloned_identity"
    VANISHED_KEYBOARD = "vanished_keyboard"


@dataclass(frozen=True)
class UsbDevice:
    """One attached device."""

    vendor_id: Annotated[str, Text(longest=4)] = fact(
        "With the product id: what the device claims to be, four hexadecimal digits."
    )
    product_id: Annotated[str, Text(longest=4)] = fact("See vendor_id.")
    name: Annotated[str, Text(longest=128)] = fact("What the device calls itself, for people.")
    serial: Annotated[str, Text(longest=32)] | None = fact(
        "A keyed hash of the serial number: tells this stick from another of the same make."
    )
    interfaces: Annotated[
        tuple[Annotated[str, Text(longest=6)], ...], Items(most=MAX_INTERFACES)
    ] = fact(
        "What the device can do (class, subclass, protocol): a charger has no business typing."
    )
    location: Location = fact("Built-in devices need no approval.")
    keyboard: bool | Unknown = fact("A device that can type can type commands.")
    storage: bool | Unknown = fact("A device that can store can carry data away.")
    network: bool | Unknown = fact("A device that is a network can redirect traffic.")
    indicators: Annotated[tuple[Indicator, ...], Items(most=16)] = fact(
        "Signs of a malicious cable or keystroke injector, each one explained to IT."
    )
    attached_at: datetime | None = fact("When it appeared, so that IT can ask about it.")
    port: Annotated[str, Text(longest=64)] = fact(
        "Which socket it is in: tells a device that was swapped from one that stayed.", default=""
    )
    authorized: bool | None = fact(
        "Whether the system lets it work at all: one that is blocked can do no harm. None where "
        "the system has no such lock.",
        default=None,
    )
    attached: bool = fact(
        "False for a suspicious device that has left: pulling it out must not hide it.",
        default=True,
    )
    baseline: bool | None = fact(
        "Whether it was there when the laptop was enrolled. None where nobody looked then.",
        default=None,
    )
    first_seen_at: datetime | None = fact(
        "When this laptop first met it: new devices deserve a look.", default=None
    )
    last_seen_at: datetime | None = fact("When it left. None while it is attached.", default=None)


@dataclass(frozen=True)
class UsbDevicesFacts:
    """The devices attached now. Nothing on them is looked at."""

    devices: Annotated[tuple[UsbDevice, ...], Items(most=128)] = fact(
        "A stick or a cable can carry customers' data away or take over the laptop."
    )
    new_devices_blocked: bool | Unknown | None = fact(
        "Whether the system keeps out new devices until somebody allows them. None where it has no "
        "such lock.",
        default=None,
    )
