"""What is told: events of CAEP 1.0 and of SSF 1.0 itself, as the claims of a security event token.

A SET (RFC 8417) has `iss`, `jti`, `iat`, `aud`, `sub_id` and one event, and no `exp` or `sub`: SSF
1.0, section 4. Statuses are those of CAEP 1.0, section 3.5.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.gate import words
from passmuster_server.gate.decision import Decision, DeviceFinding, cause_of
from passmuster_server.policy.standing import DeviceStatus, Standing

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
COMPLIANCE_CHANGE = CAEP + "device-compliance-change"
SESSION_REVOKED = CAEP + "session-revoked"
SUPPORTED = (COMPLIANCE_CHANGE, SESSION_REVOKED)

VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"

COMPLIANT = "compliant"
NOT_COMPLIANT = "not-compliant"

_PASSES = frozenset({Verdict.COMPLIANT, Verdict.GRACE})


@dataclass(frozen=True)
class Event:
    """One event before it is addressed to anyone."""

    type: str
    content: Mapping[str, Any]


def status_of(verdict: Verdict | None) -> str:
    """Return the status by CAEP. What is not known to pass is not compliant."""
    return COMPLIANT if verdict in _PASSES else NOT_COMPLIANT


def tells(standing: Standing, before: Verdict | None) -> bool:
    """Return whether a verdict that has changed tells anything: the status may stay."""
    return status_of(before) != status_of(standing.verdict)


def events_of(standing: Standing, before: Verdict | None, now: datetime) -> tuple[Event, ...]:
    """Return what a verdict that `tells` something tells, in order."""
    previous, current = status_of(before), status_of(standing.verdict)
    shared: dict[str, Any] = {
        "event_timestamp": int(standing.since.timestamp()),
        "initiating_entity": _initiated_by(standing),
    }
    if current == NOT_COMPLIANT:
        cause = cause_of(standing, now)
        finding = DeviceFinding(standing.device, cause, standing)
        decision = Decision(False, None, (finding,), None)
        shared["reason_admin"] = {"en": words.for_admin(decision)}
        shared["reason_user"] = {"en": words.for_worker(decision)}
    change = Event(
        COMPLIANCE_CHANGE, {"previous_status": previous, "current_status": current, **shared}
    )
    if current == COMPLIANT:
        return (change,)
    return change, Event(SESSION_REVOKED, shared)


def verification(state: str | None) -> Event:
    """Return a verification event (SSF 1.0, section 8.1.4.1)."""
    return Event(VERIFICATION, {} if state is None else {"state": state})


def claims_of(
    event: Event, issuer: str, audience: str, subject: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Return the claims of a SET with a fresh `jti`."""
    return {
        "iss": issuer,
        "jti": secrets.token_hex(16),
        "iat": int(now.timestamp()),
        "aud": audience,
        "sub_id": dict(subject),
        "events": {event.type: dict(event.content)},
    }


def _initiated_by(standing: Standing) -> str:
    if standing.status in (DeviceStatus.REVOKED, DeviceStatus.RETIRED, DeviceStatus.LOST):
        return "admin"
    return "policy"
