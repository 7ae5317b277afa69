"""Alerts of what goes on record: whichever server, command or program it was that did it.

The entries of the audit record are numbered without a gap in the order in which they are committed.
So whoever knows the last number that was looked at misses none.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select, update

from passmuster_server.alerts import outbox
from passmuster_server.alerts.forgetting import HELD
from passmuster_server.alerts.rules import Alert, Kind, Severity
from passmuster_server.alerts.tables import alert_places
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Entry, entries_after
from passmuster_server.audit.tables import audit_heads
from passmuster_server.devices import store
from passmuster_server.policy.standing import DeviceStatus

AT_ONCE = 200
"""Entries in one write: reports wait for no more than that."""

_ABOUT_A_LAPTOP: Mapping[str, tuple[Kind, Severity]] = {
    Action.DEVICE_ENROLLED: (Kind.ENROLLED, Severity.LOW),
    Action.DEVICE_REVOKED: (Kind.OUT_OF_SERVICE, Severity.MEDIUM),
    Action.DEVICE_RETIRED: (Kind.OUT_OF_SERVICE, Severity.LOW),
    Action.DEVICE_LOST: (Kind.OUT_OF_SERVICE, Severity.MEDIUM),
    Action.LOST_DEVICE_HEARD: (Kind.LOST_AND_HEARD, Severity.HIGH),
    Action.DEVICE_CONFLICT: (Kind.CONFLICT, Severity.HIGH),
    Action.KEY_WEAKENED: (Kind.KEY_WEAKENED, Severity.HIGH),
}
_ABOUT_ALL: Mapping[str, tuple[Kind, Severity]] = {
    Action.POLICY_PUBLISHED: (Kind.POLICY_PUBLISHED, Severity.MEDIUM),
    Action.BREAK_GLASS_CREATED: (Kind.BREAK_GLASS, Severity.MEDIUM),
    Action.BREAK_GLASS_USED: (Kind.BREAK_GLASS, Severity.HIGH),
    Action.ADMINISTRATOR_CREATED: (Kind.ADMINISTRATORS, Severity.MEDIUM),
    Action.ADMINISTRATOR_CHANGED: (Kind.ADMINISTRATORS, Severity.MEDIUM),
    Action.CREDENTIALS_CHANGED: (Kind.CREDENTIALS, Severity.MEDIUM),
    Action.SIGN_IN_BLOCKED: (Kind.SIGN_IN_BLOCKED, Severity.HIGH),
    Action.ALERT_ADDED: (Kind.ALERTS_CHANGED, Severity.MEDIUM),
    Action.ALERT_REMOVED: (Kind.ALERTS_CHANGED, Severity.MEDIUM),
}


def is_behind(connection: Connection) -> bool:
    """Return whether there are entries that were not looked at, of anybody who has rules."""
    found = connection.execute(
        select(alert_places.c.number)
        .join(audit_heads, audit_heads.c.organisation_id == alert_places.c.organisation_id)
        .where(audit_heads.c.number > alert_places.c.number)
        .limit(1)
    )
    return found.first() is not None


def look(connection: Connection, now: datetime) -> None:
    """Write alerts of the entries that came since the last look."""
    # Whoever looks at the same time waits here, and finds nothing left to look at.
    places = connection.execute(select(alert_places).with_for_update()).all()
    for organisation, number in places:
        entries = entries_after(connection, organisation, number, AT_ONCE)
        for entry in entries:
            _tell(connection, organisation, entry, now)
        if entries:
            connection.execute(
                update(alert_places)
                .where(alert_places.c.organisation_id == organisation)
                .values(number=entries[-1].number)
            )


def _tell(connection: Connection, organisation: str, entry: Entry, now: datetime) -> None:
    if entry.at < now - HELD:
        return
    at = int(entry.at.timestamp())
    if entry.action in _ABOUT_ALL:
        kind, severity = _ABOUT_ALL[entry.action]
        alert = Alert("", kind, severity, (), at, entry.number)
        # A rule is not told that it was made.
        own = entry.subject if kind is Kind.ALERTS_CHANGED else ""
        outbox.put(connection, organisation, "", alert, now, made_before=entry.at, without=own)
    elif entry.action in _ABOUT_A_LAPTOP:
        row = store.find_device(connection, organisation, entry.subject)
        if row is None:
            # Erased since: nothing is to be said of it any more.
            return
        kind, severity = _ABOUT_A_LAPTOP[entry.action]
        if kind is Kind.ENROLLED and (entry.details or {}).get("status") == DeviceStatus.PENDING:
            kind, severity = Kind.WAITING, Severity.MEDIUM
        alert = Alert(entry.subject, kind, severity, (), at, entry.number)
        outbox.put(connection, organisation, row.group_id, alert, now, made_before=entry.at)
