"""The tables of alert rules, and of alerts that wait to be sent."""

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

alert_rules = Table(
    "alert_rules",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("rule", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("hour_began_at", Moment),
    Column("sent", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("retry_at", Moment),
    Column("claimed_until", Moment),
    Column("claim", String(32)),
    Column("delivered_at", Moment),
    Column("problem", String(200), nullable=False, server_default=""),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)
"""`problem` is why the last message did not go out, empty where it did. `sent` counts the messages
since `hour_began_at`.

One server sends for it, at the longest until `claimed_until`; `claim` is its try, or the last one.
"""

alert_places = Table(
    "alert_places",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
)
"""The last entry of the audit record that alerts were written of."""

alert_outbox = Table(
    "alert_outbox",
    METADATA,
    Column("alert_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("alert", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("message_id", String(32)),
    ForeignKeyConstraint(
        ["organisation_id", "name"], ["alert_rules.organisation_id", "alert_rules.name"]
    ),
    Index("ix_alert_outbox_rule", "organisation_id", "name", "alert_id"),
    Index("ix_alert_outbox_created", "created_at"),
    sqlite_autoincrement=True,
)
"""One row for each alert and rule, until it was sent. It names the laptop,
if it is about one, and never a person.

`message_id` is the message it was put into when that was first tried.
"""
