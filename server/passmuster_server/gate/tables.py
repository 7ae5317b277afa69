"""The tables of the gate's callers and of every decision it gave."""

from sqlalchemy import (
    Boolean,
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

gate_clients = Table(
    "gate_clients",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("client_id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Index("uq_gate_clients_token_hash", "token_hash", unique=True),
)

_CLIENT = (
    ["organisation_id", "client_id"],
    ["gate_clients.organisation_id", "gate_clients.client_id"],
)

gate_grants = Table(
    "gate_grants",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("client_id", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("value", String(512), primary_key=True),
    ForeignKeyConstraint(*_CLIENT),
)
"""What a client may do (`scope`) and what it is confined to (`application`, `person`, `push`).

A client without a grant of a kind has the default scope, and may ask for every application and
every person; it may have nothing pushed.
"""

gate_secrets = Table(
    "gate_secrets",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("client_id", String(64), primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    ForeignKeyConstraint(*_CLIENT),
)
"""The OAuth 2 client secrets of clients that fetch short-lived access tokens."""

gate_access_tokens = Table(
    "gate_access_tokens",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("scopes", String(512), nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    ForeignKeyConstraint(*_CLIENT),
    Index("ix_gate_access_tokens_client", "organisation_id", "client_id", "issued_at"),
)

decisions = Table(
    "decisions",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("decision_id", String(64), primary_key=True),
    Column("decided_at", Moment, nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("subject", String(254), nullable=False),
    Column("application", String(128), nullable=False),
    Column("device_id", String(64)),
    Column("proof", String(32), nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Index("ix_decisions_subject", "organisation_id", "subject", "decided_at"),
)
"""`reasons` holds the devices looked at, their verdicts and the report each rests on, as JSON."""

gate_sessions = Table(
    "gate_sessions",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("session_id", String(64), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("person", String(254), nullable=False),
    Column("application", String(128), nullable=False),
    Column("host", String(255), nullable=False),
    Column("device_id", String(64)),
    Column("proof", String(32), nullable=False),
    Column("path", String(2048), nullable=False),
    Column("begin_hash", String(64), nullable=False),
    Column("ticket_hash", String(64)),
    Column("started_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("ix_gate_sessions_device", "organisation_id", "device_id", "expires_at"),
    Index("ix_gate_sessions_expires_at", "expires_at"),
    Index("uq_gate_sessions_ticket_hash", "ticket_hash", unique=True),
)
"""A browser's session with an application behind a proxy; `ended_at` where a laptop fell out.

`path` is where the browser goes with its ticket, query and all; it is emptied with the ticket.
"""

break_glass_codes = Table(
    "break_glass_codes",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("code_hash", String(64), primary_key=True),
    Column("person", String(254), nullable=False),
    Column("application", String(128), nullable=False),
    Column("lasts_s", Integer, nullable=False),
    Column("reason", String(512), nullable=False),
    Column("made_by", String(254), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)
"""Codes that let a person into an application once without a laptop."""
