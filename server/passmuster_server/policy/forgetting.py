"""Deletes verdicts and waivers: what is too old, and all of one laptop."""

from datetime import datetime

from sqlalchemy import Connection, delete, exists, or_, select

from passmuster_server.policy.tables import allowances, verdict_history, verdicts, waivers


def forget_history(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` verdicts that ended before a moment.

    The one that held at that moment stays: it says how the kept history begins.
    """
    later = verdict_history.alias()
    ended = exists().where(
        later.c.organisation_id == verdict_history.c.organisation_id,
        later.c.device_id == verdict_history.c.device_id,
        later.c.since <= before,
        later.c.history_id > verdict_history.c.history_id,
    )
    old = (
        select(verdict_history.c.history_id)
        .where(verdict_history.c.since < before, ended)
        .limit(limit)
    )
    return connection.execute(
        delete(verdict_history).where(verdict_history.c.history_id.in_(old))
    ).rowcount


def forget_waivers(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` waivers that ended before a moment."""
    old = select(waivers.c.waiver_id).where(waivers.c.expires_at < before).limit(limit)
    return connection.execute(
        delete(waivers).where(waivers.c.expires_at < before, waivers.c.waiver_id.in_(old))
    ).rowcount


def forget_allowances(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` allowances that ended before a moment."""
    ended = or_(allowances.c.expires_at < before, allowances.c.ended_at < before)
    old = select(allowances.c.allowance_id).where(ended).limit(limit)
    return connection.execute(
        delete(allowances).where(ended, allowances.c.allowance_id.in_(old))
    ).rowcount


def forget_device(connection: Connection, organisation: str, device: str) -> None:
    """Delete every verdict, waiver and allowance of a laptop."""
    for table in (verdict_history, verdicts, waivers, allowances):
        connection.execute(
            delete(table).where(
                table.c.organisation_id == organisation, table.c.device_id == device
            )
        )
