"""Deletes alerts that have waited too long, and what is stored of one laptop or person."""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update

from passmuster_server.addresses import names_person, spellings
from passmuster_server.alerts.rules import Kind, Mail, Rule, remove_rule, rules_of
from passmuster_server.alerts.tables import alert_outbox, alert_rules
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
            "name": _told(name, person),
            "to": own(channel.to),
            "sender": own(channel.sender),
            "smtp": channel.host,
            "smtp_user": own(channel.user),
            "on": list(kinds),
        }
        for name, channel, kinds in _mails_naming(connection, organisation, person)
    ]


def rules_called(connection: Connection, organisation: str, person: str) -> list[dict[str, Any]]:
    """Return the other rules whose name holds the person's address.

    A name that holds somebody else's too is empty.
    """
    return [
        {"name": _told(name, person), "on": list(kinds)}
        for name, kinds in _called(connection, organisation, person)
    ]


def forget_person(
    connection: Connection, organisation: str, person: str, by: str, now: datetime
) -> int:
    """Delete the rules of mail that name a person with what waits in them; return how many.

    That each is gone goes on record, and so to those whom another rule tells: `by` is who did it.
    The others whose name holds the address tell on, by a name of nobody's.
    """
    removed = [name for name, *_ in _mails_naming(connection, organisation, person)]
    renamed = [name for name, _ in _called(connection, organisation, person)]
    # By name, and each before the end of the record, as whoever removes one alone holds them.
    for name in sorted((*removed, *renamed)):
        if name in removed:
            remove_rule(connection, organisation, name)
        else:
            _rename(connection, organisation, name)
    for name in removed:
        # The record must not hold what was erased.
        told = "" if names_person(name, person) else name
        record(connection, organisation, Event(Action.ALERT_REMOVED, by, subject=told), now)
    return len(removed)


def _rename(connection: Connection, organisation: str, name: str) -> None:
    """Give a rule a name of nobody's, with all that waits in it."""
    own = (alert_rules.c.organisation_id == organisation, alert_rules.c.name == name)
    held = select(alert_rules).where(*own).with_for_update()
    row = connection.execute(held).mappings().one_or_none()
    if row is None:
        return
    new = secrets.token_hex(8)
    rule = msgspec.structs.replace(msgspec.json.decode(row["rule"], type=Rule), name=new)
    # What waits names its rule at each moment, so the rule is there twice for a while.
    connection.execute(
        alert_rules.insert().values(
            {**row, "name": new, "rule": msgspec.json.encode(rule).decode()}
        )
    )
    connection.execute(
        update(alert_outbox)
        .where(alert_outbox.c.organisation_id == organisation, alert_outbox.c.name == name)
        .values(name=new)
    )
    connection.execute(delete(alert_rules).where(*own))


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


def _called(
    connection: Connection, organisation: str, person: str
) -> list[tuple[str, tuple[Kind, ...]]]:
    """Return name and kinds of the rules, but those, whose name holds the address, by name."""
    named = {name for name, *_ in _mails_naming(connection, organisation, person)}
    return [
        (rule.name, rule.kinds)
        for rule in rules_of(connection, organisation)
        if rule.name not in named and names_person(rule.name, person)
    ]


def _told(name: str, person: str) -> str:
    """Return the rule's name, or nothing where it holds an address that is not the person's."""
    return name if all(_is(each, person) for each in _ADDRESS.findall(name)) else ""


def _is(address: str, person: str) -> bool:
    return not set(spellings(address)).isdisjoint(spellings(person))
