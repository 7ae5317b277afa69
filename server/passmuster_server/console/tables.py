"""The table of saved views."""

from sqlalchemy import Boolean, Column, ForeignKey, String, Table

from passmuster_server.schema import METADATA, Moment

saved_views = Table(
    "saved_views",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("view_id", String(32), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("name", String(64), nullable=False),
    Column("link", String(2048), nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""Filters of the fleet page by a name: of one administrator, or for all of them."""
