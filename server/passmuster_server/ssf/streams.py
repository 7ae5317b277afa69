"""Event streams as they are stored, and what a receiver may do with its own ones."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from passmuster_collectors.contract.canonical import canonical_bytes, digest
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.tables import gate_clients
from passmuster_server.ssf.stream import Settings, Status, Stream, stream_of
from passmuster_server.ssf.subjects import Subject
from passmuster_server.ssf.tables import ssf_outbox, ssf_removed_subjects, ssf_streams

MAX_STREAMS = 8
"""Of one receiver."""
MAX_REMOVED = 10_000
"""Subjects that one stream can leave out."""


class TooManyStreamsError(Exception):
    """The receiver has as many streams as it may have."""


class TooManySubjectsError(Exception):
    """The stream leaves out as many subjects as it can."""


def create_stream(
    connection: Connection, client: GateClient, settings: Settings, now: datetime
) -> Stream:
    """Store a new, enabled stream and return it. Raises `TooManyStreamsError`."""
    own = _own(client)
    if (connection.execute(select(func.count()).where(*own)).scalar() or 0) >= MAX_STREAMS:
        raise TooManyStreamsError
    stream = insert_stream(connection, client.organisation, client.client, settings, now)
    return find_stream(connection, client, stream)


def insert_stream(
    connection: Connection, organisation: str, client: str, settings: Settings, now: datetime
) -> str:
    """Store a new, enabled stream of a client and return its id."""
    stream = secrets.token_hex(16)
    connection.execute(
        ssf_streams.insert().values(
            organisation_id=organisation,
            stream_id=stream,
            client_id=client,
            status=Status.ENABLED.value,
            created_at=now,
            failures=0,
            **_columns(settings),
        )
    )
    return stream


def streams_of(connection: Connection, client: GateClient) -> list[Stream]:
    """Return the receiver's streams, the oldest first."""
    rows = connection.execute(
        select(ssf_streams).where(*_own(client)).order_by(ssf_streams.c.created_at)
    )
    return [stream_of(row) for row in rows]


def find_stream(connection: Connection, client: GateClient, stream: str) -> Stream:
    """Return one of the receiver's streams. Raises `LookupError`."""
    own = select(ssf_streams).where(*_own(client, stream))
    # PostgreSQL takes no text with a NUL in it.
    row = None if "\0" in stream else connection.execute(own).one_or_none()
    if row is None:
        raise LookupError("the receiver has no such stream")
    return stream_of(row)


def change_settings(
    connection: Connection, client: GateClient, stream: str, settings: Settings
) -> Stream:
    """Store new settings; whoever could not be reached before is tried again at once."""
    changed = {**_columns(settings), "failures": 0, "retry_at": None}
    connection.execute(update(ssf_streams).where(*_own(client, stream)).values(**changed))
    return find_stream(connection, client, stream)


def change_status(
    connection: Connection, client: GateClient, stream: str, status: Status, reason: str | None
) -> Stream:
    """Store a new status. Raises `LookupError`. A stream that is disabled loses its events."""
    found = find_stream(connection, client, stream)
    connection.execute(
        update(ssf_streams)
        .where(*_own(client, stream))
        .values(status=status.value, reason=reason, failures=0, retry_at=None)
    )
    if status is Status.DISABLED:
        _forget_events(connection, found)
    return find_stream(connection, client, stream)


def delete_stream(connection: Connection, client: GateClient, stream: str) -> None:
    """Delete a stream with all its events. Raises `LookupError`."""
    found = find_stream(connection, client, stream)
    _forget_events(connection, found)
    connection.execute(
        delete(ssf_removed_subjects).where(
            ssf_removed_subjects.c.organisation_id == found.organisation,
            ssf_removed_subjects.c.stream_id == found.stream,
        )
    )
    connection.execute(delete(ssf_streams).where(*_own(client, stream)))


def note_verification(connection: Connection, stream: Stream, now: datetime) -> None:
    """Remember when a verification event was last asked for."""
    connection.execute(
        update(ssf_streams)
        .where(
            ssf_streams.c.organisation_id == stream.organisation,
            ssf_streams.c.stream_id == stream.stream,
        )
        .values(verification_at=now)
    )


def remove_subject(connection: Connection, stream: Stream, subject: Subject) -> None:
    """Leave a subject's events out of the stream. Raises `TooManySubjectsError`."""
    table = ssf_removed_subjects
    add_subject(connection, stream, subject)
    mine = (
        table.c.organisation_id == stream.organisation,
        table.c.stream_id == stream.stream,
    )
    if (connection.execute(select(func.count()).where(*mine)).scalar() or 0) >= MAX_REMOVED:
        raise TooManySubjectsError
    text = canonical_bytes(dict(subject))
    connection.execute(
        table.insert().values(
            organisation_id=stream.organisation,
            stream_id=stream.stream,
            subject_hash=digest(text),
            subject=text.decode("utf-8"),
        )
    )


def add_subject(connection: Connection, stream: Stream, subject: Subject) -> None:
    """Have a subject's events in the stream again."""
    table = ssf_removed_subjects
    connection.execute(
        delete(table).where(
            table.c.organisation_id == stream.organisation,
            table.c.stream_id == stream.stream,
            table.c.subject_hash == digest(canonical_bytes(dict(subject))),
        )
    )


def removed_subjects(connection: Connection, stream: Stream) -> list[Subject]:
    """Return the subjects that the stream leaves out."""
    table = ssf_removed_subjects
    found = connection.execute(
        select(table.c.subject).where(
            table.c.organisation_id == stream.organisation, table.c.stream_id == stream.stream
        )
    )
    return [msgspec.json.decode(text) for text in found.scalars()]


def of_known_clients() -> ColumnElement[bool]:
    """Return the condition that a stream's receiver is not revoked."""
    return (
        select(gate_clients.c.client_id)
        .where(
            gate_clients.c.organisation_id == ssf_streams.c.organisation_id,
            gate_clients.c.client_id == ssf_streams.c.client_id,
            gate_clients.c.revoked_at.is_(None),
        )
        .exists()
    )


def _columns(settings: Settings) -> Mapping[str, Any]:
    requested = settings.events_requested
    return {
        "method": settings.method.value,
        "endpoint_url": settings.endpoint_url,
        "credential": settings.credential,
        "events_requested": None
        if requested is None
        else msgspec.json.encode(requested).decode("utf-8"),
        "subject_format": settings.subject_format.value,
        "description": settings.description,
    }


def _own(client: GateClient, stream: str | None = None) -> tuple[ColumnElement[bool], ...]:
    own = (
        ssf_streams.c.organisation_id == client.organisation,
        ssf_streams.c.client_id == client.client,
    )
    return own if stream is None else (*own, ssf_streams.c.stream_id == stream)


def _forget_events(connection: Connection, stream: Stream) -> None:
    connection.execute(
        delete(ssf_outbox).where(
            ssf_outbox.c.organisation_id == stream.organisation,
            ssf_outbox.c.stream_id == stream.stream,
        )
    )
