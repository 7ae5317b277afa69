"""What the API takes and answers about USB devices and networks."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from passmuster_server.api.enrolment_messages import GroupId
from passmuster_server.api.messages import DeviceId
from passmuster_server.policy.allowances import MAX_NAME, MAX_REASON, AllowanceKind


class AllowancePath(Struct):
    """Which allowance."""

    allowance: Annotated[str, Meta(pattern="^[0-9a-f]{12}$", description="The allowance's id.")]


class NewAllowance(Struct, forbid_unknown_fields=True):
    """What is allowed or, as `usb_forbidden`, forbidden, beside the policy.

    It counts for one `device`, one `group`, or for everybody where neither is given. `value` is
    `VENDOR:PRODUCT[:SERIAL]` of a USB device, two hexadecimal digits of a USB class, or the hash of
    a network as `listNetworks` has it; in place of the latter `ssid` may name the network. Without
    `until` it lasts for good.
    """

    kind: AllowanceKind
    reason: Annotated[
        str, Meta(min_length=1, max_length=MAX_REASON, description="One line, kept on record.")
    ]
    value: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    ssid: Annotated[str, Meta(min_length=1, max_length=32)] | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=MAX_NAME, description="What people call it.")] = ""
    device: DeviceId | UnsetType = UNSET
    group: GroupId | UnsetType = UNSET
    until: datetime | UnsetType = UNSET


class Allowance(Struct):
    """One that is in force."""

    id: str
    kind: AllowanceKind
    value: str
    name: str
    device: str | None
    group: str | None
    reason: str
    granted_by: str
    granted_at: datetime
    until: datetime | None


class AllowanceList(Struct):
    """One page of what is in force, the newest first."""

    allowances: list[Allowance]
    next: str | None


class UnknownUsbDevice(Struct):
    """A USB device that keeps laptops from passing; `value` is what an allowance of it takes.

    `laptops` are the ids of those that reported it, the first 200 of `count`.
    """

    value: str
    name: str
    problems: list[str]
    count: int
    laptops: list[str]
    first_seen: datetime | None
    last_seen: datetime | None


class UnknownUsbDeviceList(Struct):
    """One page of the unknown USB devices."""

    devices: list[UnknownUsbDevice]
    next: str | None


class Network(Struct):
    """A Wi-Fi network by its hash; `security` is what laptops negotiated there."""

    value: str
    security: list[str]
    laptops: int


class NetworkList(Struct):
    """One page of the networks that laptops are on."""

    networks: list[Network]
    next: str | None
