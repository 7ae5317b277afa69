"""Which changes of a laptop are an alert."""

from datetime import datetime

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.alerts.rules import Alert, Kind, Severity
from passmuster_server.database import Transaction
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.tables import ENDLESS
from passmuster_server.schema import to_microseconds

_OF_VERDICT = {
    Verdict.NON_COMPLIANT: (Kind.SHUT_OUT, Severity.HIGH),
    Verdict.UNKNOWN: (Kind.SILENT, Severity.LOW),
    Verdict.GRACE: (Kind.GRACE, Severity.MEDIUM),
    Verdict.COMPLIANT: (Kind.IN_ORDER, Severity.LOW),
}
_JUDGED_BEFORE = (
    "SELECT verdict FROM verdict_history WHERE organisation_id = ? AND device_id = ? "
    "AND verdict != ? AND ended_at != ? ORDER BY since DESC, history_id DESC LIMIT 1"
)
"""Hand-written: it is asked with every verdict that changes where there are rules."""


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


def judged_before(transaction: Transaction, organisation: str, device: str) -> Verdict | None:
    """Return the last verdict on the device that has ended, but for those that knew nothing."""
    given = (organisation, device, Verdict.UNKNOWN.value, to_microseconds(ENDLESS))
    found = transaction.run(_JUDGED_BEFORE, given).fetchone()
    return None if found is None else Verdict(found[0])
