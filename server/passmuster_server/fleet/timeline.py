"""What the gate answered about a laptop's owner, and what IT did with the laptop, by time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from passmuster_server.audit import record
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Entry
from passmuster_server.fleet.view import Badge
from passmuster_server.gate.tables import decisions
from passmuster_server.policy.demands import JUDGED

MAX_SHOWN = 50

_TITLES: Mapping[str, str] = {signal.id: signal.title for signal in JUDGED}
_LET_IN, _KEPT_OUT = Badge("good", "Let in"), Badge("bad", "Kept out")
_DONE = Badge("off", "Action")
_WORDS: Mapping[str, str] = {
    Action.DEVICE_ENROLLED: "Enrolled",
    Action.DEVICE_APPROVED: "Approved",
    Action.DEVICE_RETIRED: "Retired",
    Action.DEVICE_REVOKED: "Revoked",
    Action.DEVICE_LOST: "Noted as lost",
    Action.DEVICE_FOUND: "Noted as found",
    Action.LOST_DEVICE_HEARD: "Heard while it was lost",
    Action.DEVICE_MOVED: "Moved",
    Action.WAIVER_GRANTED: "Waiver granted",
    Action.WAIVER_ENDED: "Waiver ended",
    Action.ALLOWANCE_GRANTED: "Approved or forbidden for this laptop",
    Action.ALLOWANCE_ENDED: "Such a decision ended",
}
_OF_A_DECISION = ("decision_id", "decided_at", "application", "allowed", "device_id")
_TOLD = ("signal", "kind", "value", "group", "ownership", "days", "until", "reason")
"""Details worth a word, in this order."""


@dataclass(frozen=True)
class Happened:
    """One entry; `decision` is the id of an answer of the gate, else empty."""

    at: datetime
    badge: Badge
    what: str
    who: str
    details: tuple[str, ...]
    decision: str


def timeline_of(connection: Connection, organisation: str, device: Row[Any]) -> list[Happened]:
    """Return the newest entries, the newest first. That somebody looked is not among them."""
    done = record.on_subject(
        connection, organisation, device.device_id, without=Action.DEVICE_VIEWED, limit=MAX_SHOWN
    )
    found = [_answered(row) for row in _decisions(connection, organisation, device)]
    found += [_done(entry) for entry in done]
    return sorted(found, key=lambda each: each.at, reverse=True)[:MAX_SHOWN]


def _decisions(connection: Connection, organisation: str, device: Row[Any]) -> Sequence[Row[Any]]:
    """Return the newest answers about the owner, but those that are about another laptop alone."""
    asked = connection.execute(
        select(*(decisions.c[name] for name in _OF_A_DECISION))
        .where(
            decisions.c.organisation_id == organisation,
            # As it was asked for, or in small letters: by the index, for there may be millions.
            decisions.c.subject.in_({device.owner, device.owner.lower()}),
        )
        .order_by(decisions.c.decided_at.desc())
        .limit(MAX_SHOWN)
    )
    return [row for row in asked if row.device_id in (None, device.device_id)]


def _answered(row: Row[Any]) -> Happened:
    badge = _LET_IN if row.allowed else _KEPT_OUT
    return Happened(row.decided_at, badge, row.application, "the gate", (), row.decision_id)


def _done(entry: Entry) -> Happened:
    given = entry.details or {}
    details = tuple(
        _TITLES.get(str(given[name]), str(given[name])) + (" days" if name == "days" else "")
        for name in _TOLD
        if given.get(name) not in (None, "", [])
    )
    words = entry.action.replace(".", " ").replace("_", " ").capitalize()
    return Happened(entry.at, _DONE, _WORDS.get(entry.action, words), entry.actor, details, "")
