"""USB devices that wait for a decision, and what was decided, as their page shows them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from sqlalchemy import Connection, Row

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals import usb_devices
from passmuster_collectors.signals.usb_devices.rule import Problem
from passmuster_server.fleet.view import OUTCOMES
from passmuster_server.policy import allowances
from passmuster_server.policy.allowances import AllowanceKind
from passmuster_server.policy.document import Policy
from passmuster_server.policy.reported import UnknownDevice, unknown_usb_devices
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.stored_devices import StoredDevice, some_devices

T = TypeVar("T")

MAX_SHOWN = 50
MAX_LAPTOPS = 5

_WORDS: Mapping[str, str] = {
    AllowanceKind.USB_DEVICE: "Approved",
    AllowanceKind.USB_CLASS: "Approved class",
    AllowanceKind.USB_FORBIDDEN: "Forbidden",
}


@dataclass(frozen=True)
class Queued:
    """One device; `told` are tones and sentences, as on the laptops' pages.

    `ids` are vendor and product alone where it has a serial number beside them, else empty.
    `groups` are the ids of the groups that its laptops are in; `more` how many laptops beyond those
    that are shown.
    """

    identity: str
    ids: str
    name: str
    told: tuple[tuple[str, str], ...]
    laptops: tuple[StoredDevice, ...]
    number: int
    groups: frozenset[str]
    first_seen: datetime | None
    last_seen: datetime | None
    forbidden: bool

    @property
    def more(self) -> int:
        """How many of its laptops are not shown one by one."""
        return self.number - len(self.laptops)


@dataclass(frozen=True)
class Decided:
    """One decision in force; `of_one` is the laptop that it is about, if it is about one."""

    row: Row[Any]
    tone: str
    word: str
    of_one: StoredDevice | None
    group: str


@dataclass(frozen=True)
class Shown(Generic[T]):
    """The first of a list, and how many `more` there are."""

    first: Sequence[T]
    more: int

    @classmethod
    def of(cls, found: Sequence[T]) -> Self:
        """Return as many of those found as a page has room for."""
        return cls(found[:MAX_SHOWN], max(0, len(found) - MAX_SHOWN))


@dataclass(frozen=True)
class Queue:
    """What waits, what is forbidden and still plugged in, and what was decided."""

    waiting: Shown[Queued]
    forbidden: Shown[Queued]
    decided: Shown[Decided]


def to_look_at(
    standings: Iterable[Standing], group: str | None, laptop: str | None
) -> Sequence[str]:
    """Return the laptops, of one group or one alone where asked, whose USB devices are in doubt."""
    return [
        each.device
        for each in standings
        if each.status is DeviceStatus.ACTIVE
        and group in (None, each.group)
        and laptop in (None, each.device)
        and any(one.signal == usb_devices.SIGNAL.id and one.reasons for one in each.signals)
    ]


def queue_of(
    connection: Connection,
    organisation: str,
    policy: Policy,
    now: datetime,
    among: Sequence[str],
    search: str,
    *,
    group: str | None,
    group_names: Mapping[str, str],
) -> Queue:
    """Return the queue over the laptops `among`; `group` confines what was decided, too.

    What was decided is searched as well.
    """
    found = [
        _queued(each)
        for each in unknown_usb_devices(connection, organisation, policy, now, among)
        if _means(search, each.identity, each.name)
    ]
    decided = [
        each
        for each in _decided(connection, organisation, now, group_names)
        if (group is None or _concerns(each, group))
        and _means(search, each.row.value, each.row.name)
    ]
    return Queue(
        Shown.of([each for each in found if not each.forbidden]),
        Shown.of([each for each in found if each.forbidden]),
        Shown.of(decided),
    )


def _queued(found: UnknownDevice) -> Queued:
    ids, _, serial = found.identity.rpartition(":")
    return Queued(
        found.identity,
        ids if serial and ":" in ids else "",
        "".join(letter if letter.isprintable() else "�" for letter in found.name),
        tuple(
            (OUTCOMES[each.outcome].tone, usb_devices.SIGNAL.admin_text(each))
            for each in sorted(found.findings, key=lambda each: each.outcome is not Outcome.FAIL)
        ),
        found.laptops[:MAX_LAPTOPS],
        len(found.laptops),
        frozenset(each.group for each in found.laptops),
        found.first_seen,
        found.last_seen,
        all(each.problem == Problem.FORBIDDEN.value for each in found.findings),
    )


def _means(search: str, ids: str, name: str) -> bool:
    text = search.casefold()
    return text in ids or text in name.casefold()


def _decided(
    connection: Connection,
    organisation: str,
    now: datetime,
    group_names: Mapping[str, str],
) -> Sequence[Decided]:
    rows = [
        row
        for row in allowances.all_allowances(connection, organisation)
        if row.kind in _WORDS
        and row.ended_at is None
        and (row.expires_at is None or row.expires_at > now)
    ]
    names = sorted({row.device_id for row in rows if row.device_id is not None})
    laptops = {each.device: each for each in some_devices(connection, organisation, names)}
    return [
        Decided(
            row,
            "bad" if row.kind == AllowanceKind.USB_FORBIDDEN else "good",
            _WORDS[row.kind],
            laptops.get(row.device_id or ""),
            group_names.get(row.group_id or "", ""),
        )
        for row in rows
    ]


def _concerns(decided: Decided, group: str) -> bool:
    """Return whether it is about this group alone: what is about all may name what others have."""
    laptop = decided.of_one
    return decided.row.group_id == group or (laptop is not None and laptop.group == group)
