"""Which server delivers a stream: of several on one database, one at a time."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from passmuster_server.ssf.stream import Method, Status, Stream, stream_of
from passmuster_server.ssf.streams import of_known_clients
from passmuster_server.ssf.tables import ssf_outbox, ssf_streams

LEASE = timedelta(seconds=30)
"""Longer than one round of deliveries; so long the events of a server that died wait."""


_SENT = (Method.PUSH.value, Method.WEBHOOK.value)


def due_streams(connection: Connection, now: datetime) -> list[Stream]:
    """Return the push streams that have something to deliver now, for a server that is alone."""
    return [stream_of(row) for row in connection.execute(select(ssf_streams).where(*_due(now)))]


def claim_streams(connection: Connection, server: str, now: datetime) -> list[Stream]:
    """Return such streams that no other server delivers, and take them; others are not waited for.

    SQLite knows no `SKIP LOCKED`, and needs none with its one writer. What is being written to a
    stream, which holds the row's key, does not keep it from being taken.
    """
    free = or_(ssf_streams.c.claimed_until.is_(None), ssf_streams.c.claimed_until < now)
    rows = connection.execute(
        select(ssf_streams)
        .where(*_due(now), free)
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    for row in rows:
        connection.execute(
            update(ssf_streams)
            .where(
                ssf_streams.c.organisation_id == row.organisation_id,
                ssf_streams.c.stream_id == row.stream_id,
            )
            .values(claimed_by=server, claimed_until=now + LEASE)
        )
    return [stream_of(row) for row in rows]


def hold(connection: Connection, stream: Stream, server: str, now: datetime) -> bool:
    """Take the stream for another while; return whether it is still this server's to deliver."""
    held = connection.execute(
        update(ssf_streams)
        .where(*_of(stream), ssf_streams.c.claimed_by == server)
        .values(claimed_until=now + LEASE)
    )
    return held.rowcount > 0


def release(connection: Connection, stream: Stream, server: str) -> None:
    """Leave the stream to whoever comes next."""
    connection.execute(
        update(ssf_streams)
        .where(*_of(stream), ssf_streams.c.claimed_by == server)
        .values(claimed_by=None, claimed_until=None)
    )


def still_due(connection: Connection, stream: Stream, now: datetime) -> Stream | None:
    """Return the stream as it is stored now, or None when nothing of it is to be delivered."""
    row = connection.execute(select(ssf_streams).where(*_of(stream), *_due(now))).one_or_none()
    return None if row is None else stream_of(row)


def postpone(
    connection: Connection, stream: Stream, retry_at: datetime | None, failures: int
) -> None:
    """Store when the stream is tried again, after how many failures in a row."""
    connection.execute(
        update(ssf_streams).where(*_of(stream)).values(retry_at=retry_at, failures=failures)
    )


def next_retry(connection: Connection) -> datetime | None:
    """Return when the first stream is to be tried again, or None."""
    found: datetime | None = connection.execute(
        select(func.min(ssf_streams.c.retry_at)).where(
            ssf_streams.c.method.in_(_SENT),
            ssf_streams.c.status == Status.ENABLED.value,
            _has_events(),
        )
    ).scalar()
    return found


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        ssf_streams.c.method.in_(_SENT),
        ssf_streams.c.status == Status.ENABLED.value,
        or_(ssf_streams.c.retry_at.is_(None), ssf_streams.c.retry_at <= now),
        _has_events(),
        of_known_clients(),
    )


def _has_events() -> ColumnElement[bool]:
    return (
        select(ssf_outbox.c.event_id)
        .where(
            ssf_outbox.c.organisation_id == ssf_streams.c.organisation_id,
            ssf_outbox.c.stream_id == ssf_streams.c.stream_id,
            ssf_outbox.c.refused_at.is_(None),
        )
        .exists()
    )


def _of(stream: Stream) -> tuple[ColumnElement[bool], ...]:
    return (
        ssf_streams.c.organisation_id == stream.organisation,
        ssf_streams.c.stream_id == stream.stream,
    )
