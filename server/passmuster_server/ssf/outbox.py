"""The durable outbox: events are written with the change they tell of, and stay until they are had.

Whatever is here was committed in the transaction of the verdict that changed; whatever left was
acknowledged. A crash at any moment in between sends an event again, with the same `jti`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, select, update

from passmuster_server.database import Transaction
from passmuster_server.ssf import events
from passmuster_server.ssf.stream import Status, Stream, stream_of
from passmuster_server.ssf.streams import of_known_clients, removed_subjects
from passmuster_server.ssf.subjects import matches, subject_of
from passmuster_server.ssf.tables import ssf_outbox, ssf_streams

MAX_REFUSAL = 512

_ANY_STREAM = "SELECT 1 FROM ssf_streams WHERE organisation_id = ? LIMIT 1"
"""Hand-written: it is asked with every verdict that changes, and most fleets have none."""


@dataclass(frozen=True)
class Waiting:
    """One event that waits. `subject` is what its order is kept within."""

    event: int
    jti: str
    subject: str
    claims: Mapping[str, Any]


def has_streams(transaction: Transaction, organisation: str) -> bool:
    """Return whether the organisation has any stream."""
    return transaction.run(_ANY_STREAM, (organisation,)).fetchone() is not None


def put(
    connection: Connection,
    organisation: str,
    owner: str,
    device: str,
    told: Sequence[events.Event],
    issuer: str,
    now: datetime,
) -> bool:
    """Write the events for each stream that wants them; return whether there was one."""
    found = connection.execute(
        select(ssf_streams)
        .where(
            ssf_streams.c.organisation_id == organisation,
            ssf_streams.c.status != Status.DISABLED.value,
            of_known_clients(),
        )
        # On PostgreSQL: whoever deletes a stream waits until this is committed.
        .with_for_update(read=True, key_share=True)
    )
    written = False
    for stream in [stream_of(row) for row in found]:
        wanted = [event for event in told if event.type in stream.events_delivered]
        if not wanted:
            continue
        removed = removed_subjects(connection, stream)
        if any(matches(subject, owner, device, issuer) for subject in removed):
            continue
        subject = subject_of(stream.settings.subject_format, issuer, owner, device)
        for event in wanted:
            claims = events.claims_of(event, issuer, stream.client, subject, now)
            _insert(connection, stream, claims, now, device=device, owner=owner)
            written = True
    return written


def put_verification(
    connection: Connection, stream: Stream, state: str | None, issuer: str, now: datetime
) -> None:
    """Write a verification event for the stream, in order behind what waits."""
    subject = {"format": "opaque", "id": stream.stream}
    event = events.verification(state)
    claims = events.claims_of(event, issuer, stream.client, subject, now)
    _insert(connection, stream, claims, now)


def waiting(connection: Connection, stream: Stream, limit: int) -> tuple[list[Waiting], bool]:
    """Return up to `limit` events in their order, and whether there are more."""
    table = ssf_outbox
    rows = connection.execute(
        select(table.c.event_id, table.c.jti, table.c.device_id, table.c.claims)
        .where(*_of(stream), table.c.refused_at.is_(None))
        .order_by(table.c.event_id)
        .limit(limit + 1)
    ).all()
    found = [
        Waiting(row.event_id, row.jti, row.device_id, msgspec.json.decode(row.claims))
        for row in rows[:limit]
    ]
    return found, len(rows) > limit


def acknowledge(connection: Connection, stream: Stream, taken: Iterable[str]) -> None:
    """Forget the events with these `jti`: their receiver has them."""
    connection.execute(
        delete(ssf_outbox).where(
            *_of(stream), ssf_outbox.c.jti.in_(list(taken)), ssf_outbox.c.refused_at.is_(None)
        )
    )


def refuse(connection: Connection, stream: Stream, jti: str, why: str, now: datetime) -> None:
    """Keep an event that its receiver does not take, out of the way of those that follow."""
    connection.execute(
        update(ssf_outbox)
        .where(*_of(stream), ssf_outbox.c.jti == jti, ssf_outbox.c.refused_at.is_(None))
        .values(refused_at=now, refusal=why[:MAX_REFUSAL])
    )


def _insert(
    connection: Connection,
    stream: Stream,
    claims: Mapping[str, Any],
    now: datetime,
    *,
    device: str = "",
    owner: str = "",
) -> None:
    connection.execute(
        ssf_outbox.insert().values(
            organisation_id=stream.organisation,
            stream_id=stream.stream,
            jti=claims["jti"],
            device_id=device,
            owner=owner,
            claims=msgspec.json.encode(claims),
            created_at=now,
        )
    )


def _of(stream: Stream) -> tuple[ColumnElement[bool], ...]:
    return (
        ssf_outbox.c.organisation_id == stream.organisation,
        ssf_outbox.c.stream_id == stream.stream,
    )
