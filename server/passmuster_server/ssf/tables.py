"""The tables of event streams, and of the events that their receivers have not taken yet."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from passmuster_server.schema import METADATA, Moment

ssf_streams = Table(
    "ssf_streams",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("stream_id", String(32), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("method", String(64), nullable=False),
    Column("endpoint_url", String(2048)),
    Column("credential", String(4096)),
    Column("events_requested", Text),
    Column("subject_format", String(16), nullable=False),
    Column("description", String(256)),
    Column("status", String(16), nullable=False),
    Column("reason", String(256)),
    Column("created_at", Moment, nullable=False),
    Column("verification_at", Moment),
    Column("failures", Integer, nullable=False),
    Column("retry_at", Moment),
    Column("claimed_by", String(32)),
    Column("claimed_until", Moment),
    ForeignKeyConstraint(
        ["organisation_id", "client_id"],
        ["gate_clients.organisation_id", "gate_clients.client_id"],
    ),
)
"""`credential` is what the receiver wants to be shown with each push; no answer ever repeats it.

`claimed_by` is the server that delivers it at the moment, at the longest until `claimed_until`.
"""

ssf_removed_subjects = Table(
    "ssf_removed_subjects",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("stream_id", String(32), primary_key=True),
    Column("subject_hash", String(64), primary_key=True),
    Column("subject", Text, nullable=False),
    ForeignKeyConstraint(
        ["organisation_id", "stream_id"], ["ssf_streams.organisation_id", "ssf_streams.stream_id"]
    ),
)
"""Subjects that a receiver does not want to hear of; all others are in every stream."""

ssf_outbox = Table(
    "ssf_outbox",
    METADATA,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("stream_id", String(32), nullable=False),
    Column("jti", String(32), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("owner", String(254), nullable=False),
    Column("claims", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("refused_at", Moment),
    Column("refusal", String(512)),
    ForeignKeyConstraint(
        ["organisation_id", "stream_id"], ["ssf_streams.organisation_id", "ssf_streams.stream_id"]
    ),
    Index("uq_ssf_outbox_jti", "organisation_id", "stream_id", "jti", unique=True),
    Index("ix_ssf_outbox_stream", "organisation_id", "stream_id", "event_id"),
    Index("ix_ssf_outbox_created", "created_at"),
    sqlite_autoincrement=True,
)
"""One row for each event and stream, until the receiver has it; what it refuses stays to be seen.

Of one device, a smaller `event_id` was committed earlier. `device_id` and `owner` are empty for
what is about the stream itself.
"""
