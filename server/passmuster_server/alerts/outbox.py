"""Alerts that wait: written with the change they tell of, deleted when they were sent."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, func, literal, or_, select, update

from passmuster_server.alerts.rules import Alert, Rule, Syslog, rules_of
from passmuster_server.alerts.tables import alert_outbox, alert_rules

CLAIM = timedelta(minutes=10)
"""Longer than any try, which `connections.TRY_S` ends."""
HOUR = timedelta(hours=1)
MAX_PROBLEM = 200
IN_A_DIGEST = 200
"""Lines of one digest; the others it counts."""


@dataclass(frozen=True)
class Message:
    """What to send now: one alert, or several as a digest; `more` are counted alone.

    It keeps `message_id` and what is in it for as long as it is tried. `claim` is this one try.
    """

    organisation: str
    rule: Rule
    message_id: str
    alerts: tuple[Alert, ...]
    more: int
    failures: int
    claim: str


def put(
    connection: Connection,
    organisation: str,
    group: str,
    alert: Alert,
    now: datetime,
    *,
    made_before: datetime | None = None,
    without: str = "",
) -> bool:
    """Write the alert for each rule that wants it; return whether one does.

    `group` is a group's id, empty where it is about no laptop. A rule that was not `made_before`
    that moment is told nothing, nor is the one of the name `without`.
    """
    tried: dict[str, bool] = {}
    gone = True
    while gone:
        wanted = [
            rule.name
            for rule in rules_of(connection, organisation, made_before)
            if rule.name not in (without, *tried) and rule.wants(alert, group)
        ]
        written = {name: _insert(connection, organisation, name, alert, now) for name in wanted}
        tried |= written
        # A rule that has gone since it was read may be there by another name.
        gone = not all(written.values())
    return any(tried.values())


def _insert(
    connection: Connection, organisation: str, name: str, alert: Alert, now: datetime
) -> bool:
    """Write the alert unless the rule has gone since it was read; return whether it is there."""
    rules, waiting = alert_rules, alert_outbox
    columns = (waiting.c.device_id, waiting.c.alert, waiting.c.created_at)
    values = (alert.device, msgspec.json.encode(alert), now)
    given = (literal(value, column.type) for column, value in zip(columns, values, strict=True))
    there = (
        select(rules.c.organisation_id, rules.c.name, *given)
        .where(rules.c.organisation_id == organisation, rules.c.name == name)
        # On PostgreSQL: whoever removes the rule waits until this is committed.
        .with_for_update(read=True, key_share=True)
    )
    names = [waiting.c.organisation_id, waiting.c.name, *columns]
    inserted = waiting.insert().from_select(names, there).execution_options(preserve_rowcount=True)
    return connection.execute(inserted).rowcount == 1


def is_due(connection: Connection, now: datetime) -> bool:
    """Return whether a rule has something to send now."""
    return bool(_due(connection, now))


def next_message(connection: Connection, now: datetime) -> Message | None:
    """Claim a rule that has something to send now, and return it; None: nothing is due."""
    table = alert_rules
    for row in _due(connection, now):
        claim = secrets.token_hex(16)
        claimed = connection.execute(
            update(table)
            .where(
                table.c.organisation_id == row.organisation_id,
                table.c.name == row.name,
                _is_free(now),
                # No other server has sent for it since the row was read.
                table.c.claim.is_not_distinct_from(row.claim),
            )
            .values(claim=claim, claimed_until=now + CLAIM)
        ).rowcount
        message = _composed(connection, row, claim, now) if claimed else None
        if message is not None:
            return message
        if claimed:
            _free(connection, row.organisation_id, claim)
    return None


def _due(connection: Connection, now: datetime) -> list[Row[Any]]:
    """Return the rules that have something to send now, by name."""
    table, waiting = alert_rules, alert_outbox
    rows = connection.execute(
        select(table)
        .where(
            or_(table.c.retry_at.is_(None), table.c.retry_at <= now),
            _is_free(now),
            select(waiting.c.alert_id)
            .where(
                waiting.c.organisation_id == table.c.organisation_id,
                waiting.c.name == table.c.name,
            )
            .exists(),
        )
        .order_by(table.c.name)
    )
    return [row for row in rows if row.failures or _sent(row, now) < _rule(row).per_hour]


def _is_free(now: datetime) -> ColumnElement[bool]:
    claimed_until = alert_rules.c.claimed_until
    return or_(claimed_until.is_(None), claimed_until <= now)


def _composed(connection: Connection, row: Row[Any], claim: str, now: datetime) -> Message | None:
    """Return what the claimed rule sends now: what failed before anything that came after it."""
    waiting, rule = alert_outbox, _rule(row)
    own = (waiting.c.organisation_id == row.organisation_id, waiting.c.name == row.name)
    name = connection.execute(
        select(waiting.c.message_id).where(*own, waiting.c.message_id.is_not(None)).limit(1)
    ).scalar()
    if name is None:
        fresh, sent = _is_fresh(row, now), _sent(row, now)
        if sent >= rule.per_hour:
            return None
        name = secrets.token_hex(16)
        # The first message of an hour has all that the hour before left.
        chosen = select(waiting.c.alert_id).where(*own).order_by(waiting.c.alert_id)
        if not fresh:
            chosen = chosen.limit(1)
        elif isinstance(rule.channel, Syslog):
            # What reads events counts them itself: none is left out, the rest comes after these.
            chosen = chosen.limit(IN_A_DIGEST)
        connection.execute(
            update(waiting).where(waiting.c.alert_id.in_(chosen)).values(message_id=name)
        )
        connection.execute(
            update(alert_rules)
            .where(alert_rules.c.claim == claim)
            .values(sent=sent + 1, hour_began_at=now if fresh else row.hour_began_at)
        )
    rows = connection.execute(
        select(waiting.c.alert)
        .where(*own, waiting.c.message_id == name)
        .order_by(waiting.c.alert_id)
        .limit(IN_A_DIGEST)
    ).scalars()
    alerts = tuple(msgspec.json.decode(each, type=Alert) for each in rows)
    if not alerts:
        return None
    count = connection.execute(
        select(func.count()).where(*own, waiting.c.message_id == name)
    ).scalar_one()
    more = count - len(alerts)
    return Message(row.organisation_id, rule, name, alerts, more, row.failures, claim)


def _rule(row: Row[Any]) -> Rule:
    return msgspec.json.decode(row.rule, type=Rule)


def _is_fresh(row: Row[Any], now: datetime) -> bool:
    """Return whether an hour begins with the next message."""
    return row.hour_began_at is None or now - row.hour_began_at >= HOUR


def _sent(row: Row[Any], now: datetime) -> int:
    return 0 if _is_fresh(row, now) else int(row.sent)


def settle(
    connection: Connection,
    message: Message,
    now: datetime,
    retry_at: datetime | None = None,
    problem: str = "",
) -> None:
    """Forget what was sent, or try it again at `retry_at`; the rule is free for the next.

    A `problem` without another try: the receiver does not want it. Where the claim is over and the
    rule another server's, that one says what becomes of it.
    """
    values: dict[str, Any] = {
        "retry_at": retry_at,
        "failures": 0 if retry_at is None else message.failures + 1,
        "problem": problem[:MAX_PROBLEM],
    }
    if not problem:
        values["delivered_at"] = now
    name = _free(connection, message.organisation, message.claim, **values) or message.rule.name
    if retry_at is None:
        connection.execute(
            delete(alert_outbox).where(
                alert_outbox.c.organisation_id == message.organisation,
                alert_outbox.c.name == name,
                alert_outbox.c.message_id == message.message_id,
            )
        )


def _free(connection: Connection, organisation: str, claim: str, **values: Any) -> str | None:
    """Return the name of the rule, which may be another than when it was claimed."""
    return connection.execute(
        update(alert_rules)
        .where(alert_rules.c.organisation_id == organisation, alert_rules.c.claim == claim)
        .values(claimed_until=None, **values)
        .returning(alert_rules.c.name)
    ).scalar()
