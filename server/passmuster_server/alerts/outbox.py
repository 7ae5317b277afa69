"""Alerts that wait: written with the change they tell of, deleted when they were sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, func, or_, select, update

from passmuster_server.alerts.rules import Alert, Rule, rules_of
from passmuster_server.alerts.tables import alert_outbox, alert_rules

HELD = timedelta(days=7)
"""How long an alert waits for whoever does not take it."""
CLAIM = timedelta(minutes=2)
HOUR = timedelta(hours=1)
IN_A_DIGEST = 200
"""Lines of one digest; the others it counts."""


@dataclass(frozen=True)
class Message:
    """What to send now: one alert, or several as a digest; `more` are counted alone.

    All up to `last_id` leave the outbox with it.
    """

    organisation: str
    rule: Rule
    alerts: tuple[Alert, ...]
    more: int
    last_id: int
    failures: int


def put(connection: Connection, organisation: str, group: str, alert: Alert, now: datetime) -> bool:
    """Write the alert for each rule that wants it; return whether one does."""
    wanted = [rule for rule in rules_of(connection, organisation) if rule.wants(alert, group)]
    for rule in wanted:
        connection.execute(
            alert_outbox.insert().values(
                organisation_id=organisation,
                name=rule.name,
                device_id=alert.device,
                alert=msgspec.json.encode(alert),
                created_at=now,
            )
        )
    return bool(wanted)


def is_waiting(connection: Connection) -> bool:
    """Return whether anything waits, due or not."""
    return connection.execute(select(alert_outbox.c.alert_id).limit(1)).first() is not None


def next_message(connection: Connection, now: datetime) -> Message | None:
    """Claim a rule that has something to send now, and return it; None: nothing is due."""
    table, waiting = alert_rules, alert_outbox
    due = connection.execute(
        select(table)
        .where(
            or_(table.c.retry_at.is_(None), table.c.retry_at <= now),
            or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now),
            select(waiting.c.alert_id)
            .where(
                waiting.c.organisation_id == table.c.organisation_id,
                waiting.c.name == table.c.name,
            )
            .exists(),
        )
        .order_by(table.c.name)
    ).all()
    for row in due:
        rule = msgspec.json.decode(row.rule, type=Rule)
        own = (table.c.organisation_id == row.organisation_id, table.c.name == row.name)
        fresh = row.hour_began_at is None or now - row.hour_began_at >= HOUR
        sent = 0 if fresh else row.sent
        if sent >= rule.per_hour:
            continue
        # The first message of an hour has all that the hour before left, and a second try too.
        rows = connection.execute(
            select(waiting.c.alert_id, waiting.c.alert)
            .where(waiting.c.organisation_id == row.organisation_id, waiting.c.name == row.name)
            .order_by(waiting.c.alert_id)
            .limit(IN_A_DIGEST if fresh or row.failures else 1)
        ).all()
        claimed = connection.execute(
            update(table)
            .where(*own, or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now))
            .values(
                claimed_until=now + CLAIM,
                sent=sent + 1,
                hour_began_at=now if fresh else row.hour_began_at,
            )
        ).rowcount
        if not claimed:
            continue
        last = rows[-1].alert_id
        more = 0
        if len(rows) == IN_A_DIGEST:
            newest, count = connection.execute(
                select(func.max(waiting.c.alert_id), func.count()).where(
                    waiting.c.organisation_id == row.organisation_id, waiting.c.name == row.name
                )
            ).one()
            last, more = newest, count - len(rows)
        alerts = tuple(msgspec.json.decode(each.alert, type=Alert) for each in rows)
        return Message(row.organisation_id, rule, alerts, more, last, row.failures)
    return None


def settle(connection: Connection, message: Message, retry_at: datetime | None) -> None:
    """Forget what was sent, or try it again at `retry_at`; the rule is free for the next."""
    own = (
        alert_rules.c.organisation_id == message.organisation,
        alert_rules.c.name == message.rule.name,
    )
    failures = 0 if retry_at is None else message.failures + 1
    connection.execute(
        update(alert_rules)
        .where(*own)
        .values(claimed_until=None, retry_at=retry_at, failures=failures)
    )
    if retry_at is None:
        connection.execute(
            delete(alert_outbox).where(
                alert_outbox.c.organisation_id == message.organisation,
                alert_outbox.c.name == message.rule.name,
                alert_outbox.c.alert_id <= message.last_id,
            )
        )


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
