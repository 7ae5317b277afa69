"""The tables of the audit record: its entries, and the end of each organisation's chain."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from passmuster_server.schema import METADATA, Moment

audit_entries = Table(
    "audit_entries",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("action", String(64), nullable=False),
    Column("actor", String(254), nullable=False),
    Column("person", String(254)),
    Column("subject", String(254)),
    Column("details", LargeBinary),
    Column("salt", LargeBinary(16)),
    Column("content_hash", String(64), nullable=False),
    Column("entry_hash", String(64), nullable=False),
    Index("ix_audit_entries_person", "organisation_id", "person"),
    Index("ix_audit_entries_subject", "organisation_id", "subject", "at"),
)
"""`person` (folded), `subject`, `details` (JSON) and `salt` are null once they were erased."""

audit_heads = Table(
    "audit_heads",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("entry_hash", String(64), nullable=False),
)
