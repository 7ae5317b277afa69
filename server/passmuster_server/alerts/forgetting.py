"""Deletes alerts that have waited too long, and what is stored of one laptop or person."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from passmuster_server.addresses import spellings
from passmuster_server.alerts.rules import Kind, Mail, remove_rule, rules_of
from passmuster_server.alerts.tables import alert_outbox
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record

HELD = timedelta(days=7)
"""How long an alert waits for whoever does not take it."""

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")
"""What may be somebody's address in the name of a rule."""


def forget_alerts(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` alerts that have waited since before a moment."""
    old = select(alert_outbox.c.alert_id).where(alert_outbox.c.created_at < before).limit(limit)
    return connection.execute(delete(alert_outbox).where(alert_outbox.c.alert_id.in_(old))).rowcount


def forget_devices(connection: Connection, organisation: str, devices: Iterable[str]) -> None:
    """Delete what waits about these laptops."""
    connection.execute(
        delete(alert_outbox).where(
            alert_outbox.c.organisation_id == organisation,
            alert_outbox.c.device_id.in_(list(devices)),
        )
    )


def rules_naming(connection: Connection, organisation: str, person: str) -> list[dict[str, Any]]:
    """Return the rules by which mail goes to a person's address, or from it.

    One that signs in at the mail server by the address is such a rule too. What belongs to somebody
    else in it is empty: whose address it is the person is not told.
    """

    def own(address: str) -> str:
        return address if _is(address, person) else ""

    return [
        {
            "name": "" if any(not own(each) for each in _ADDRESS.findall(name)) else name,
            "to": own(channel.to),
            "sender": own(channel.sender),
            "smtp": channel.host,
            "smtp_user": own(channel.user),
            "on": list(kinds),
        }
        for name, channel, kinds in _mails_naming(connection, organisation, person)
    ]


def forget_person(
    connection: Connection, organisation: str, person: str, by: str, now: datetime
) -> int:
    """Delete these rules with what waits in them; return how many there were.

    That each is gone goes on record, and so to those whom another rule tells: `by` is who did it.
    """
    names = [name for name, *_ in _mails_naming(connection, organisation, person)]
    # By name, and each before the end of the record, as whoever removes one alone holds them.
    for name in names:
        remove_rule(connection, organisation, name)
    for name in names:
        # The record must not hold what was erased.
        told = "" if person.casefold() in name.casefold() else name
        record(connection, organisation, Event(Action.ALERT_REMOVED, by, subject=told), now)
    return len(names)


def _mails_naming(
    connection: Connection, organisation: str, person: str
) -> list[tuple[str, Mail, tuple[Kind, ...]]]:
    """Return name, channel and kinds of the rules of mail that name the person, by name."""
    return [
        (rule.name, channel, rule.kinds)
        for rule in rules_of(connection, organisation)
        if isinstance(channel := rule.channel, Mail)
        and any(_is(each, person) for each in (channel.to, channel.sender, channel.user))
    ]


def _is(address: str, person: str) -> bool:
    return not set(spellings(address)).isdisjoint(spellings(person))
