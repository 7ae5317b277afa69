"""What laptops reported: the current reading of each signal, and what changed when."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from passmuster_server.schema import METADATA, Moment

_DEVICE = (["organisation_id", "device_id"], ["devices.organisation_id", "devices.device_id"])

contacts = Table(
    "contacts",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("last_seen", Moment, nullable=False),
    Column("clock_skew_s", Integer, nullable=False),
    Column("findings", String(64), nullable=False),
    Column("missing_records", BigInteger, nullable=False),
    Column("address_code", String(64)),
    Column("fresh_asked_at", Moment),
    Column("fresh_told_at", Moment),
    Column("fresh_done_at", Moment),
    ForeignKeyConstraint(*_DEVICE),
)
"""When a device was last heard.

`findings` is the digest of what it then said of itself, whenever it was read; `missing_records`
counts the records that its own numbers say it made and never sent. `address_code` is the keyed hash
of the address that it was heard from, where policy compares addresses and it is known. The last
three are of the fresh report that IT asked for last (`requests`).
"""

evidence = Table(
    "evidence",
    METADATA,
    Column("evidence_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("upload", LargeBinary, nullable=False),
    ForeignKeyConstraint(*_DEVICE),
    Index("ix_evidence_device", "organisation_id", "device_id", "received_at"),
)
"""A signed report that changed something, verbatim, once however much it changed."""

readings = Table(
    "readings",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("signal", String(64), primary_key=True),
    Column("reading", LargeBinary, nullable=False),
    Column("collected_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    ForeignKeyConstraint(*_DEVICE),
)

transitions = Table(
    "transitions",
    METADATA,
    Column("transition_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("signal", String(64), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("reading", LargeBinary, nullable=False),
    Column("evidence_id", BigInteger, ForeignKey("evidence.evidence_id"), nullable=False),
    ForeignKeyConstraint(*_DEVICE),
    Index("ix_transitions_device", "organisation_id", "device_id", "received_at"),
)
"""A reading that differs from the one before, and the signed report it came in."""
