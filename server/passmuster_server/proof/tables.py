"""The tables of browsers that are asked on which device they are, and of those that proved it."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from passmuster_server.schema import METADATA, Moment

proof_visits = Table(
    "proof_visits",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("visit_id", String(64), primary_key=True),
    Column("session_id", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("person", String(254)),
    Column("application", String(128), nullable=False),
    Column("back", String(4096), nullable=False),
    Column("port", Integer, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("challenge", String(64), nullable=False),
    Column("put_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("number", String(8)),
    Column("address_known", Boolean),
    Index("ix_proof_visits_expires_at", "expires_at"),
    Index("uq_proof_visits_challenge", "organisation_id", "challenge", unique=True),
    Index("uq_proof_visits_number", "organisation_id", "number", unique=True),
)
"""A browser on its way through a proof, and the challenge that was put to it last.

`port` is the one that the browser was sent to at once, or 0. A challenge that was answered has
`used_at`, whether its answer was right or not. `number` is what the browser shows where the worker
confirms it at their laptop; then the challenge goes that way alone. `address_known` tells that
`address` is the browser's own and not a proxy's.
"""

browser_sessions = Table(
    "browser_sessions",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("session_id", String(64), primary_key=True),
    Column("address", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("proof", String(32), nullable=False),
    Column("proven_at", Moment, nullable=False),
    Column("report_sequence", BigInteger, nullable=False),
    Column("same_address", Boolean),
    Column("expires_at", Moment, nullable=False),
    Index("ix_browser_sessions_expires_at", "expires_at"),
    Index("ix_browser_sessions_device", "organisation_id", "device_id"),
)
"""A browser that proved its device: when, how, from where, and on which report it rests.

`same_address`: whether that is where the device itself reports from; null: it is not known.
"""
