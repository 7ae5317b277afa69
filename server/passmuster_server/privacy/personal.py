"""Everything that is stored of one person: to hand it out, and to delete it.

A person is an e-mail address, compared without case, as the gate compares it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, or_, select

from passmuster_collectors.contract import codec, strict_json
from passmuster_server.accounts import forgetting as accounts
from passmuster_server.addresses import is_address
from passmuster_server.alerts import forgetting as alerts
from passmuster_server.alerts.tables import alert_outbox
from passmuster_server.audit import record
from passmuster_server.audit.forgetting import entries_naming
from passmuster_server.changes import announce
from passmuster_server.console import forgetting as views
from passmuster_server.devices import forgetting as deployment
from passmuster_server.devices import store as device_store
from passmuster_server.devices.tables import (
    devices,
    enrolment_approvals,
    enrolment_codes,
    key_changes,
)
from passmuster_server.gate import forgetting as callers
from passmuster_server.gate.oidc import forgetting as oidc
from passmuster_server.gate.oidc.tables import oidc_codes, oidc_logins
from passmuster_server.gate.sessions import forget_sessions_of
from passmuster_server.gate.tables import break_glass_codes, decisions, gate_sessions
from passmuster_server.policy import forgetting as policy
from passmuster_server.policy.tables import ENDLESS, allowances, verdict_history, waivers
from passmuster_server.proof import store as proof
from passmuster_server.proof.tables import browser_sessions, proof_visits
from passmuster_server.reports import forgetting as reports
from passmuster_server.reports.tables import contacts, evidence, readings, transitions
from passmuster_server.ssf import forgetting as signals
from passmuster_server.ssf.tables import ssf_outbox

_OF_A_DEVICE: Mapping[str, Table] = {
    "contacts": contacts,
    "readings": readings,
    "changes": transitions,
    "verdicts": verdict_history,
    "waivers": waivers,
    "allowances": allowances,
    "signed_reports": evidence,
    "key_changes": key_changes,
    "browsers": browser_sessions,
    "alerts_that_wait": alert_outbox,
}
_JSON = frozenset({"alert", "claims", "reading", "reasons", "public_key", "key_before", "request"})
_TEXT = frozenset({"upload", "message"})
_HIDDEN = frozenset(
    {
        "organisation_id",
        "code_hash",
        "device_code_hash",
        "user_code_hash",
        "login_hash",
        "challenge",
        "begin_hash",
        "ticket_hash",
    }
)
MAX_STORED = 4 * 1024 * 1024
PERSON = (
    r"^[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
    r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
)
"""By what a person may be stored: one line that does not begin with a space."""


class PersonError(ValueError):
    """Nobody can be stored by that. The message says what was expected."""


def person_of(text: str) -> str:
    """Return by what somebody is stored, which is no address of all. Raises `PersonError`."""
    person = text.strip()
    if not re.search(PERSON, person):
        raise PersonError("expected one line that is not empty")
    return person


def export(connection: Connection, organisation: str, person: str) -> Mapping[str, Any]:
    """Return all that is stored of the person, as plain JSON values. Raises `PersonError`."""
    _check_somebody(person)
    owned = _rows(connection, devices, organisation, devices.c.owner, person)
    for device in owned:
        for name, table in _OF_A_DEVICE.items():
            device[name] = _of_device(connection, table, organisation, device["device_id"])
    return {
        "person": person,
        "devices": owned,
        "enrolment_codes": _rows(
            connection, enrolment_codes, organisation, enrolment_codes.c.owner, person
        ),
        "enrolments_under_way": _rows(
            connection,
            enrolment_approvals,
            organisation,
            (enrolment_approvals.c.person, enrolment_approvals.c.owner),
            person,
        ),
        "decisions": _rows(connection, decisions, organisation, decisions.c.subject, person),
        "subjects_that_receivers_leave_out": _plain(
            signals.removed_subjects_of(
                connection, organisation, person, [device["device_id"] for device in owned]
            )
        ),
        "streams_described_with_the_address": signals.descriptions_naming(
            connection, organisation, person
        ),
        "events_that_wait": _rows(connection, ssf_outbox, organisation, ssf_outbox.c.owner, person),
        "alerts_by_mail": alerts.rules_naming(connection, organisation, person),
        "alerts_called_after_the_person": alerts.rules_called(connection, organisation, person),
        "deployment_secrets_called_after_the_person": _plain(
            deployment.secrets_called(connection, organisation, person)
        ),
        "callers_confined_to_the_person": _plain(
            callers.callers_naming(connection, organisation, person)
        ),
        "callers_called_after_the_person": _plain(
            callers.callers_called(connection, organisation, person)
        ),
        "gate_sessions": _rows(
            connection, gate_sessions, organisation, gate_sessions.c.person, person
        ),
        "break_glass_codes": _rows(
            connection, break_glass_codes, organisation, break_glass_codes.c.person, person
        ),
        "browsers_on_their_way": _rows(
            connection, proof_visits, organisation, proof_visits.c.person, person
        ),
        "logins_under_way": _rows(
            connection, oidc_logins, organisation, oidc_logins.c.person, person
        ),
        "logins_answered": _rows(connection, oidc_codes, organisation, oidc_codes.c.person, person),
        **{
            name: _plain(rows)
            for name, rows in accounts.stored_of(connection, organisation, person).items()
        },
        "audit_entries": [
            {
                "at": codec.format_time(entry.at),
                "action": entry.action,
                "actor": entry.actor,
                "subject": entry.subject,
                "details": entry.details,
            }
            for entry in record.about(
                connection,
                organisation,
                person,
                entries_naming(connection, organisation, person),
            )
        ],
    }


def erase(
    connection: Connection, organisation: str, person: str, by: str, now: datetime
) -> Mapping[str, Any]:
    """Delete all of it; return how many devices and decisions that was, and which audit entries.

    `account`: the person had one for the console; `alerts`: rules of mail to or from the address,
    whose end goes on record as `by` somebody; the erasure itself is for the caller to record.
    The person's laptops are unknown from then on; running servers hear of it. Raises
    `LastAdministratorError` and `PersonError`.
    """
    _check_somebody(person)
    had_account = accounts.forget_person(connection, organisation, person)
    folded = is_address(devices.c.owner, person)
    owned = connection.execute(
        select(devices.c.device_id)
        .where(devices.c.organisation_id == organisation, folded)
        .order_by(devices.c.device_id)
    ).scalars()
    erased = list(owned)
    for device in erased:
        erase_device(connection, organisation, device)
    connection.execute(
        delete(enrolment_codes).where(
            enrolment_codes.c.organisation_id == organisation,
            is_address(enrolment_codes.c.owner, person),
        )
    )
    connection.execute(
        delete(enrolment_approvals).where(
            enrolment_approvals.c.organisation_id == organisation,
            or_(
                is_address(enrolment_approvals.c.person, person),
                is_address(enrolment_approvals.c.owner, person),
            ),
        )
    )
    proof.forget_person(connection, organisation, person)
    forget_sessions_of(connection, organisation, person)
    given = connection.execute(
        delete(decisions).where(
            decisions.c.organisation_id == organisation,
            is_address(decisions.c.subject, person),
        )
    ).rowcount
    signals.forget_person(connection, organisation, person, erased)
    ended = callers.forget_person(connection, organisation, person, now)
    told = alerts.forget_person(connection, organisation, person, by, now)
    oidc.forget_person(connection, organisation, person)
    views.forget_person(connection, organisation, person)
    deployment.forget_person(connection, organisation, person)
    # Each change of a caller holds its row before the end of the record, so this comes after both.
    callers.record_ended(connection, organisation, ended, by, now)
    named = entries_naming(connection, organisation, person)
    emptied = record.erase(connection, organisation, person, named)
    return {
        "devices": len(erased),
        "decisions": given,
        "account": had_account,
        "alerts": told,
        "callers": len(ended),
        "audit_entries": list(emptied),
    }


def erase_device(connection: Connection, organisation: str, device: str) -> None:
    """Delete what is stored of one laptop; it is unknown from then on, and running servers hear it.

    What the gate answered about its owner, and the audit record, are the owner's and stay.
    """
    # First, as every other write of a laptop does: two that wait for each other end both.
    device_store.find_device(connection, organisation, device, held=True)
    reports.forget_device(connection, organisation, device)
    policy.forget_device(connection, organisation, device)
    proof.forget_device(connection, organisation, device)
    alerts.forget_devices(connection, organisation, (device,))
    signals.forget_device(connection, organisation, device)
    device_store.delete_device(connection, organisation, device)
    announce(connection, organisation, device)


def _check_somebody(person: str) -> None:
    if not person.strip():
        # An empty person stands in all that is about nobody.
        raise PersonError("expected somebody")


def _rows(
    connection: Connection,
    table: Table,
    organisation: str,
    columns: Column[Any] | tuple[Column[Any], ...],
    person: str,
) -> list[dict[str, Any]]:
    named = columns if isinstance(columns, tuple) else (columns,)
    statement = select(table).where(
        table.c.organisation_id == organisation,
        or_(*(is_address(column, person) for column in named)),
    )
    return _plain(connection.execute(statement).mappings().all())


def _of_device(
    connection: Connection, table: Table, organisation: str, device: str
) -> list[dict[str, Any]]:
    statement = select(table).where(
        table.c.organisation_id == organisation, table.c.device_id == device
    )
    return _plain(connection.execute(statement).mappings().all())


def _plain(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {name: _value(name, value) for name, value in row.items() if name not in _HIDDEN}
        for row in rows
    ]


def _value(name: str, value: Any) -> Any:
    if value == ENDLESS:
        return None
    if isinstance(value, datetime):
        return codec.format_time(value)
    if isinstance(value, bytes):
        if name in _JSON:
            return strict_json.parse(value, max_bytes=MAX_STORED)
        return value.decode("ascii", "replace") if name in _TEXT else value.hex()
    return value
