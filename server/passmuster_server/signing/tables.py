"""The table of the keys that this server signs with."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from passmuster_server.schema import METADATA, Moment

signing_keys = Table(
    "signing_keys",
    METADATA,
    Column("key_id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("private_key", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("used_from", Moment),
    Column("retired_at", Moment),
    Index("uq_signing_keys_position", "position", unique=True),
)
"""`position` orders the keys: of those that aren't retired the first signs, the second is next."""
