"""The tables of saved views, and of how the signals stood."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table

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

signal_tallies = Table(
    "signal_tallies",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("taken_at", Moment, primary_key=True),
    Column("group_id", String(32), primary_key=True),
    Column("signal", String(64), primary_key=True),
    Column("passing", Integer, nullable=False),
    Column("failing", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
)
"""How many laptops of a group passed a signal at the full hour `taken_at`: numbers alone."""
