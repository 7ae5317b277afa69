"""Which changes of a laptop are an alert."""

from datetime import datetime

from sqlalchemy import Connection, select

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.alerts.rules import Alert, Kind, Severity
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.tables import ENDLESS, verdict_history

_OF_VERDICT = {
    Verdict.NON_COMPLIANT: (Kind.SHUT_OUT, Severity.HIGH),
    Verdict.UNKNOWN: (Kind.SILENT, Severity.LOW),
    Verdict.GRACE: (Kind.GRACE, Severity.MEDIUM),
    Verdict.COMPLIANT: (Kind.IN_ORDER, Severity.LOW),
}


def alert_of(standing: Standing, now: datetime) -> Alert:
    """Return the alert of a verdict that has changed."""
    kind, severity = _OF_VERDICT[standing.verdict]
    blocking = (each.signal for each in standing.blocking_reasons)
    told = kind in (Kind.SHUT_OUT, Kind.GRACE)
    signals = tuple(dict.fromkeys(blocking)) if told else ()
    return Alert(standing.device, kind, severity, signals, int(now.timestamp()))


def is_news(standing: Standing, judged_before: Verdict | None) -> bool:
    """Return whether a changed verdict is worth an alert.

    `judged_before` is the last one but unknown: what was shut out, fell silent and came back as it
    was is none, and neither is a new laptop in order.
    """
    if standing.last_seen is None or standing.status is not DeviceStatus.ACTIVE:
        # One that was just enrolled has told nothing yet. Of the others the audit record tells.
        return False
    if standing.verdict is Verdict.UNKNOWN:
        return True
    if judged_before is None:
        return standing.verdict is not Verdict.COMPLIANT
    return standing.verdict is not judged_before


def judged_before(connection: Connection, organisation: str, device: str) -> Verdict | None:
    """Return the last verdict on the device that has ended, but for those that knew nothing."""
    found = connection.execute(
        select(verdict_history.c.verdict)
        .where(
            verdict_history.c.organisation_id == organisation,
            verdict_history.c.device_id == device,
            verdict_history.c.verdict != Verdict.UNKNOWN.value,
            verdict_history.c.ended_at != ENDLESS,
        )
        .order_by(verdict_history.c.since.desc(), verdict_history.c.history_id.desc())
        .limit(1)
    ).scalar()
    return None if found is None else Verdict(found)
