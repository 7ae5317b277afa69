"""Why a device stands where it stands: which table of which policy version, which reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.policy import allowances, store
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import Policy, parse
from passmuster_server.policy.overlays import Subject, says
from passmuster_server.policy.standing import SignalStanding
from passmuster_server.policy.stored_devices import stored_device
from passmuster_server.policy.stored_standing import standing_of
from passmuster_server.reports.tables import readings

DEFAULT = "default"
"""Where a setting comes from that the document does not name."""


@dataclass(frozen=True)
class Setting:
    """One setting that counted. `table` is the table of the document that says it."""

    name: str
    value: Any
    table: str


@dataclass(frozen=True)
class Rule:
    """What a policy version demands of one signal of one device, and where it says so."""

    policy_version: int
    settings: tuple[Setting, ...]


def policy_of_version(connection: Connection, organisation: str, version: int) -> Policy:
    """Return a policy by which devices were judged. Raises `ContractError` for one too old."""
    row = store.find_policy(connection, organisation, version)
    return parse(default_document() if row is None else row.document, version)


def rule_of(policy: Policy, signal: str, subject: Subject) -> Rule:
    """Return what `policy` demands of a signal of a device."""
    demanded = policy.demanded(signal, subject)
    values: dict[str, Any] = {"severity": demanded.severity.value, "grace_s": demanded.grace_s}
    for name, value in codec.encode(demanded.limits).items():
        values[f"limits.{name}"] = value
    return Rule(
        policy.version,
        tuple(
            Setting(name, value, _table(policy, signal, subject, name))
            for name, value in values.items()
        ),
    )


def explain(
    connection: Connection, organisation: str, device: str, now: datetime
) -> Mapping[str, Any] | None:
    """Return what a device's verdict rests on as plain JSON, None where there is no such device.

    The verdict is the one that counts at `now`, the signals are as they were judged last.

    Raises `ContractError` where the policy is of another version of the server.
    """
    stored = stored_device(connection, organisation, device)
    if stored is None:
        return None
    told: dict[str, Any] = {
        "device": stored.device,
        "owner": stored.owner,
        "computer_name": stored.computer_name,
        "status": stored.status,
        "platform": stored.platform,
        "group": stored.subject.group,
        "ownership": stored.subject.ownership,
        "key_tier": stored.subject.tier,
        "last_seen": stored.last_seen,
        "report_sequence": stored.sequence,
        "verdict": None,
    }
    if stored.verdict is not None:
        verdict = stored.verdict
        policy = policy_of_version(connection, organisation, verdict.policy_version)
        standing = standing_of(stored, verdict, policy)
        counts = standing.verdict_at(now)
        granted = allowances.rows_of(connection, organisation, device, stored.group, now)
        read = _readings(connection, organisation, device)
        told |= {
            "verdict": counts,
            "since": standing.since_at(now),
            "judged_at": verdict.judged_at,
            "policy_version": verdict.policy_version,
            "grace_until": verdict.grace_until if counts is Verdict.GRACE else None,
            "max_age_s": policy.max_age_of(stored.subject),
            "signals": [
                _signal(signal, rule_of(policy, signal.signal, stored.subject), read, granted)
                for signal in store.read_signals(verdict.signals)
            ],
        }
    plain: Mapping[str, Any] = codec.encode(told)
    return plain


def _table(policy: Policy, signal: str, subject: Subject, name: str) -> str:
    names = name.split(".")
    for overlay in reversed(policy.overlays):
        if overlay.covers(subject) and says(overlay.signals.get(signal), names):
            return f"{overlay.key}.signals.{signal}"
    return f"signals.{signal}" if says(policy.tables.get(signal), names) else DEFAULT


def _signal(
    signal: SignalStanding, rule: Rule, read: Mapping[str, Row[Any]], granted: Sequence[Row[Any]]
) -> Mapping[str, Any]:
    row = read.get(signal.signal)
    return {
        "signal": signal.signal,
        "outcome": signal.outcome,
        "blocking": signal.blocking,
        "failing_since": signal.failing_since,
        "waived_until": signal.waived_until,
        "allowed_until": signal.allowed_until,
        "findings": [reason.admin for reason in signal.reasons],
        "rule": rule,
        "beside_the_policy": [
            {
                "id": each.allowance_id,
                "kind": each.kind,
                "value": each.value,
                "until": each.expires_at,
                "by": each.granted_by,
                "reason": each.reason,
            }
            for each in granted
            if allowances.signal_of(each.kind) == signal.signal
        ],
        "reading": None if row is None else _reading(row),
    }


def _reading(row: Row[Any]) -> Mapping[str, Any]:
    told = {"collected_at": row.collected_at, "unchanged_since": row.changed_at}
    try:
        reading = codec.decode(Reading, strict_json.parse(row.reading))
    except ContractError:
        return told
    return {
        **told,
        "status": reading.status,
        "reason": reading.reason,
        "facts": reading.facts,
        "sources": reading.sources,
    }


def _readings(connection: Connection, organisation: str, device: str) -> Mapping[str, Row[Any]]:
    rows = connection.execute(
        select(readings).where(
            readings.c.organisation_id == organisation, readings.c.device_id == device
        )
    )
    return {row.signal: row for row in rows}
