"""What is stored of one person's laptops, as its owner reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, func, select

from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.readable import Words
from passmuster_server.addresses import is_address
from passmuster_server.audit import record
from passmuster_server.audit.actions import Action
from passmuster_server.devices.approvals import DOOR
from passmuster_server.devices.doors import CODE
from passmuster_server.devices.tables import devices
from passmuster_server.fleet.device_view import SignalView, signals_of
from passmuster_server.fleet.view import OWNERSHIPS
from passmuster_server.gate.tables import decisions
from passmuster_server.policy.key_tier import TIERS
from passmuster_server.policy.standing import DeviceStatus
from passmuster_server.policy.tables import verdict_history
from passmuster_server.reports.tables import contacts, evidence, readings, transitions

MAX_LOOKS = 200

_STATUSES: Mapping[str, str] = {
    DeviceStatus.ACTIVE: "in use",
    DeviceStatus.PENDING: "waits until IT approves it",
    DeviceStatus.CONFLICT: "held back: its key was seen in two places",
    DeviceStatus.REVOKED: "revoked",
    DeviceStatus.RETIRED: "retired",
    DeviceStatus.LOST: "lost",
}

WORDS: Mapping[str, str] = {
    Action.DEVICE_VIEWED: "looked at what this laptop reports",
    Action.DECISION_VIEWED: "looked at an answer of the gate about you",
    Action.DEVICE_ENROLLED: "enrolled the laptop",
    Action.ENROLMENT_CODE_CREATED: "made a code to enrol a laptop of yours",
    Action.DEVICE_APPROVED: "approved the laptop as yours",
    Action.ENROLMENT_APPROVED: "put a laptop down to you after you signed in",
    Action.ENROLMENT_DENIED: "turned a laptop down after you signed in",
    Action.DEVICE_RETIRED: "retired the laptop",
    Action.DEVICE_REVOKED: "revoked the laptop's key",
    Action.DEVICE_LOST: "noted that the laptop is lost",
    Action.DEVICE_ERASED: "deleted what was stored of the laptop",
    Action.DEVICE_FOUND: "noted that the laptop is found",
    Action.LOST_DEVICE_HEARD: "heard from the laptop while it was lost",
    Action.REPORT_REQUESTED: "asked the laptop for a fresh report",
    Action.DEVICE_MOVED: "moved the laptop to another group",
    Action.WAIVER_GRANTED: "let a finding on the laptop shut nobody out for a while",
    Action.WAIVER_ENDED: "ended such a waiver",
    Action.ALLOWANCE_GRANTED: "allowed or forbade a device at the laptop",
    Action.ALLOWANCE_ENDED: "ended such an allowance",
    Action.BREAK_GLASS_CREATED: "made you a break-glass code",
    Action.BREAK_GLASS_USED: "used a break-glass code",
    Action.ADMINISTRATOR_CREATED: "made you an account for the console",
    Action.ADMINISTRATOR_CHANGED: "changed your account for the console",
    Action.SIGN_IN_LINK_CREATED: "made you a link to sign in to the console",
    Action.PERSON_EXPORTED: "exported all that is stored of you",
}
"""Of the actions that are recorded about a person."""

TOLD = frozenset({*_STATUSES.values(), *OWNERSHIPS.values(), *TIERS.values()})
"""Values that are words of ours; all others are the laptop's own."""

HEADINGS = (
    "Owner",
    "System",
    "Property",
    "State",
    "Agent version",
    "Key fingerprint",
    "Key is kept",
)
"""Of the facts of a laptop."""

_WHYS = {signal.id: signal.why for signal in CATALOG}


@dataclass(frozen=True)
class SignalOfLaptop:
    """One signal as it was last reported; `why` is its reason to exist."""

    why: str
    view: SignalView


@dataclass(frozen=True)
class Laptop:
    """One laptop: what is stored of it under headings, and its signals."""

    name: str
    device: str
    facts: tuple[tuple[str, str], ...]
    enrolled_at: datetime
    last_seen: datetime | None
    signals: tuple[SignalOfLaptop, ...]


@dataclass(frozen=True)
class Look:
    """Something done that is on record about the person; `laptop` is empty where it was none."""

    at: datetime
    who: str
    what: str
    laptop: str


@dataclass(frozen=True)
class Amount:
    """How many entries of one kind are stored, and since when."""

    number: int
    oldest: datetime | None


@dataclass(frozen=True)
class Stored:
    """Everything that the page tells. `looks` are the newest `MAX_LOOKS` of `looks_in_all`."""

    person: str
    laptops: tuple[Laptop, ...]
    looks: tuple[Look, ...]
    looks_in_all: int
    changes: Amount
    reports: Amount
    verdicts: Amount
    decisions: Amount


def may_read(connection: Connection, organisation: str, device: str, owner: str) -> bool:
    """Return whether who is at the device may read what is stored of its owner.

    It has to be in service, and somebody must have said whose it is: IT by a one-time code or an
    approval, or the organisation's sign-in, which vouched for its owner well enough to put it in
    service at once. Where a deployment secret lets laptops in at once, the laptop alone said so.
    """
    status = connection.execute(
        select(devices.c.status).where(
            devices.c.organisation_id == organisation, devices.c.device_id == device
        )
    ).scalar_one_or_none()
    return status == DeviceStatus.ACTIVE and any(
        entry.subject == device
        and (
            entry.action == Action.DEVICE_APPROVED
            or (entry.action == Action.DEVICE_ENROLLED and entry.actor == CODE)
            or _vouched(entry)
        )
        for entry in record.about(connection, organisation, owner)
    )


def _vouched(entry: record.Entry) -> bool:
    """Whether its owner enrolled the laptop by the sign-in, and nobody had to look at it first."""
    status = (entry.details or {}).get("status")
    by_sign_in = entry.action == Action.DEVICE_ENROLLED and entry.actor == DOOR
    return by_sign_in and status == DeviceStatus.ACTIVE


def stored_of(
    connection: Connection, organisation: str, person: str, now: datetime, words: Words
) -> Stored:
    """Return what is stored of the person, whose address is compared without case.

    Facts are told in `words`.
    """
    owned = connection.execute(
        select(devices)
        .where(
            devices.c.organisation_id == organisation,
            is_address(devices.c.owner, person),
        )
        .order_by(devices.c.enrolled_at.desc())
    ).all()
    names = {row.device_id: row.computer_name or "(no name)" for row in owned}
    looks = _looks(record.about(connection, organisation, person), names)
    of_theirs = tuple(names)

    def amount(table: Table, moment: Column[Any]) -> Amount:
        return _amount(
            connection,
            moment,
            table.c.organisation_id == organisation,
            table.c.device_id.in_(of_theirs),
        )

    return Stored(
        person,
        tuple(_laptop(connection, organisation, row, now, words) for row in owned),
        looks[:MAX_LOOKS],
        len(looks),
        amount(transitions, transitions.c.received_at),
        amount(evidence, evidence.c.received_at),
        amount(verdict_history, verdict_history.c.since),
        _amount(
            connection,
            decisions.c.decided_at,
            decisions.c.organisation_id == organisation,
            is_address(decisions.c.subject, person),
        ),
    )


def _laptop(
    connection: Connection, organisation: str, row: Row[Any], now: datetime, words: Words
) -> Laptop:
    last_seen = connection.execute(
        select(contacts.c.last_seen).where(
            contacts.c.organisation_id == organisation, contacts.c.device_id == row.device_id
        )
    ).scalar_one_or_none()
    read = connection.execute(
        select(readings).where(
            readings.c.organisation_id == organisation, readings.c.device_id == row.device_id
        )
    ).all()
    return Laptop(
        row.computer_name or "(no name)",
        row.device_id,
        tuple(
            zip(
                HEADINGS,
                (
                    row.owner,
                    row.system,
                    OWNERSHIPS.get(row.ownership, row.ownership),
                    _STATUSES.get(row.status, row.status),
                    row.agent_version,
                    row.fingerprint,
                    TIERS.get(row.tier, row.tier),
                ),
                strict=True,
            )
        ),
        row.enrolled_at,
        last_seen,
        tuple(
            SignalOfLaptop(_WHYS.get(view.id, ""), view)
            for view in signals_of(None, read, (), now, {}, words)
            if view.reading is not None
        ),
    )


def _looks(entries: Sequence[record.Entry], names: Mapping[str, str]) -> tuple[Look, ...]:
    return tuple(
        Look(
            entry.at,
            entry.actor,
            WORDS.get(entry.action, entry.action.replace(".", " ").replace("_", " ")),
            names.get(entry.subject, ""),
        )
        for entry in reversed(entries)
    )


def _amount(connection: Connection, moment: Column[Any], *of_theirs: Any) -> Amount:
    number, oldest = connection.execute(
        select(func.count(), func.min(moment)).where(*of_theirs)
    ).one()
    return Amount(number, oldest)
