"""The tables of administrators, their one-time sign-in links and their sessions."""

from sqlalchemy import Column, ForeignKey, Index, String, Table

from passmuster_server.schema import METADATA, Moment

administrators = Table(
    "administrators",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("email", String(254), primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    Column("group_id", String(32)),
)
"""`group_id` is the only group whose devices the administrator sees; null: all of them."""

sign_in_links = Table(
    "sign_in_links",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("organisation_id", ForeignKey("organisations.organisation_id"), nullable=False),
    Column("email", String(254), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("organisation_id", ForeignKey("organisations.organisation_id"), nullable=False),
    Column("email", String(254), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("ix_sessions_expires_at", "expires_at"),
)
