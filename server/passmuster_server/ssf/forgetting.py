"""Deletes what has waited too long, and what is stored of one person."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from passmuster_server.addresses import is_address, names_person, spellings
from passmuster_server.ssf.tables import ssf_outbox, ssf_removed_subjects, ssf_streams

HELD = timedelta(days=7)
"""How long an event waits for a receiver that does not take it."""
MAX_HELD = 100_000
"""Events that wait in one stream: beyond that the oldest are forgotten, the newest say the most."""


def forget_events(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` events that have waited since before a moment, or are too many."""
    table = ssf_outbox
    old = select(table.c.event_id).where(table.c.created_at < before).limit(limit)
    deleted = connection.execute(delete(table).where(table.c.event_id.in_(old))).rowcount
    streams = connection.execute(
        select(table.c.organisation_id, table.c.stream_id)
        .group_by(table.c.organisation_id, table.c.stream_id)
        .having(func.count() > MAX_HELD)
    ).all()
    for organisation, stream in streams:
        own = (table.c.organisation_id == organisation, table.c.stream_id == stream)
        last = connection.execute(
            select(table.c.event_id)
            .where(*own)
            .order_by(table.c.event_id.desc())
            .offset(MAX_HELD)
            .limit(1)
        ).scalar()
        if last is not None:
            deleted += connection.execute(
                delete(table).where(*own, table.c.event_id <= last)
            ).rowcount
    return deleted


def forget_person(
    connection: Connection, organisation: str, person: str, devices: Iterable[str]
) -> None:
    """Delete what waits about a person, and the wishes of receivers not to hear of them.

    A description of a stream that holds the person's address goes too: a webhook's is its name.
    """
    connection.execute(
        delete(ssf_outbox).where(
            ssf_outbox.c.organisation_id == organisation,
            is_address(ssf_outbox.c.owner, person),
        )
    )
    connection.execute(
        delete(ssf_removed_subjects).where(
            ssf_removed_subjects.c.organisation_id == organisation, _names(person, devices)
        )
    )
    for described in descriptions_naming(connection, organisation, person):
        connection.execute(
            update(ssf_streams)
            .where(
                ssf_streams.c.organisation_id == organisation,
                ssf_streams.c.stream_id == described["stream_id"],
            )
            .values(description=None)
        )


def descriptions_naming(
    connection: Connection, organisation: str, person: str
) -> list[dict[str, Any]]:
    """Return the descriptions of streams that hold the person's address, by stream."""
    rows = connection.execute(
        select(ssf_streams.c.stream_id, ssf_streams.c.description)
        .where(
            ssf_streams.c.organisation_id == organisation, ssf_streams.c.description.is_not(None)
        )
        .order_by(ssf_streams.c.stream_id)
    )
    return [dict(row) for row in rows.mappings() if names_person(row["description"], person)]


def forget_device(connection: Connection, organisation: str, device: str) -> None:
    """Delete what waits about a laptop, and the wishes of receivers not to hear of it."""
    for table, condition in (
        (ssf_outbox, ssf_outbox.c.device_id == device),
        (ssf_removed_subjects, _names(device, ())),
    ):
        connection.execute(delete(table).where(table.c.organisation_id == organisation, condition))


def removed_subjects_of(
    connection: Connection, organisation: str, person: str, devices: Iterable[str]
) -> list[dict[str, Any]]:
    """Return the wishes of receivers not to hear of a person, or of these laptops."""
    found = connection.execute(
        select(ssf_removed_subjects.c.stream_id, ssf_removed_subjects.c.subject).where(
            ssf_removed_subjects.c.organisation_id == organisation, _names(person, devices)
        )
    )
    return [dict(row) for row in found.mappings()]


def _names(person: str, devices: Iterable[str]) -> ColumnElement[bool]:
    text = func.folded(ssf_removed_subjects.c.subject)
    quoted = (f'"{each}"' for name in (person, *devices) for each in spellings(name))
    return or_(*(text.contains(each, autoescape=True) for each in quoted))
