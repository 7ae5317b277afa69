"""The tables of the gate's callers and of every decision it gave."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

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
