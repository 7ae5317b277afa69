"""Rules are made, tried and removed: by a command, a page or a program, all in the same way."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from passmuster_server.alerts.channels import TESTS_SIDE_BY_SIDE, send
from passmuster_server.alerts.errors import NotSentError
from passmuster_server.alerts.events import added_event, event_of
from passmuster_server.alerts.rules import Rule, add_rule, remove_rule, rules_of
from passmuster_server.alerts.tables import alert_outbox, alert_rules
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.ssf.push import Pusher

_tests = threading.BoundedSemaphore(TESTS_SIDE_BY_SIDE)


class NoRuleError(Exception):
    """There is no rule of that name."""

    def __str__(self) -> str:
        """Return the sentence for the person."""
        return "There is no such alert."


class RuleExistsError(Exception):
    """There is a rule of that name already."""

    def __str__(self) -> str:
        """Return the sentence for the person."""
        return "There is an alert of that name already."


@dataclass(frozen=True)
class RuleState:
    """A rule and how it does.

    `problem` is why the last message did not go out, if it did not; `failures` how often in a row
    one was tried that will be tried again; `waiting` how many alerts have not gone out.
    """

    rule: Rule
    created_at: datetime
    delivered_at: datetime | None
    failures: int
    problem: str
    waiting: int


def states_of(connection: Connection, organisation: str) -> Sequence[RuleState]:
    """Return the organisation's rules by name, and how they do."""
    counted = connection.execute(
        select(alert_outbox.c.name, func.count().label("total"))
        .where(alert_outbox.c.organisation_id == organisation)
        .group_by(alert_outbox.c.name)
    )
    waiting: dict[str, int] = {row.name: row.total for row in counted}
    rows = connection.execute(
        select(alert_rules)
        .where(alert_rules.c.organisation_id == organisation)
        .order_by(alert_rules.c.name)
    )
    return [
        RuleState(
            msgspec.json.decode(row.rule, type=Rule),
            row.created_at,
            row.delivered_at,
            row.failures,
            row.problem,
            waiting.get(row.name, 0),
        )
        for row in rows
    ]


def find(connection: Connection, organisation: str, name: str) -> Rule:
    """Return the rule of a name. Raises `NoRuleError`."""
    for rule in rules_of(connection, organisation):
        if rule.name == name:
            return rule
    raise NoRuleError


def add(connection: Connection, organisation: str, rule: Rule, actor: str, now: datetime) -> Event:
    """Store a rule; return what goes on record. Raises `RuleExistsError`."""
    if not add_rule(connection, organisation, rule, now):
        raise RuleExistsError
    return added_event(rule, actor)


def remove(connection: Connection, organisation: str, name: str, actor: str) -> Event:
    """Delete a rule with what waits in it; return what goes on record. Raises `NoRuleError`."""
    rule = find(connection, organisation, name)
    if not remove_rule(connection, organisation, name):
        raise NoRuleError
    return event_of(Action.ALERT_REMOVED, rule, actor)


def tested_event(rule: Rule, actor: str) -> Event:
    """Return what goes on record before a test is sent."""
    return event_of(Action.ALERT_TESTED, rule, actor)


async def send_test(rule: Rule, public_url: str, now: datetime) -> None:
    """Send a test message now. Raises `NotSentError`."""
    if not _tests.acquire(blocking=False):
        raise NotSentError("other tests are under way: try again in a minute")
    try:
        pusher = Pusher()
        try:
            await send(pusher, rule, secrets.token_hex(16), (), 0, public_url, now)
        finally:
            await pusher.close()
    finally:
        _tests.release()
