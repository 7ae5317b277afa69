"""The tables of policies, verdicts and their history."""

from datetime import UTC, datetime

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
    Text,
)

from passmuster_server.schema import METADATA, Moment, to_microseconds

ENDLESS = datetime(9999, 1, 1, tzinfo=UTC)

_DEVICE = (["organisation_id", "device_id"], ["devices.organisation_id", "devices.device_id"])

policies = Table(
    "policies",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("published_by", String(254), nullable=False),
)

verdicts = Table(
    "verdicts",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("verdict", String(16), nullable=False),
    Column("since", Moment, nullable=False),
    Column("judged_at", Moment, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("basis", String(64), nullable=False),
    Column("grace_until", Moment),
    Column("signals", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    ForeignKeyConstraint(*_DEVICE),
)
"""`revision` grows with each judgement that is stored, whichever server stores it.

`basis` names policy and rules by which it was judged: another one means to judge again.
"""

waivers = Table(
    "waivers",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("waiver_id", String(32), primary_key=True),
    Column("device_id", String(64), nullable=False),
    Column("signal", String(64), nullable=False),
    Column("reason", String(512), nullable=False),
    Column("granted_by", String(254), nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ended_by", String(254)),
    ForeignKeyConstraint(*_DEVICE),
    Index("ix_waivers_device", "organisation_id", "device_id", "expires_at"),
)
"""That a signal of one device shuts nobody out for a while, who allowed it, and why."""

verdict_history = Table(
    "verdict_history",
    METADATA,
    Column("history_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("since", Moment, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Column("ended_at", Moment, nullable=False, server_default=str(to_microseconds(ENDLESS))),
    Column("had_before", BigInteger, nullable=False, server_default="0"),
    Column("times", Integer, nullable=False, server_default="1"),
    ForeignKeyConstraint(*_DEVICE),
    Index("ix_verdict_history_device", "organisation_id", "device_id", "since"),
    Index(
        "ix_verdict_history_ended", "organisation_id", "verdict", "ended_at", "since", "device_id"
    ),
    Index(
        "ix_verdict_history_totals",
        *("organisation_id", "verdict", "device_id", "ended_at", "since", "times", "had_before"),
    ),
)
"""`ended_at` is `ENDLESS` while the verdict holds, so that a period is a range of the index.

`had_before` counts the microseconds that the device had this verdict before, and `times` how often
it has had it with this one. What retention deletes stays counted in what is kept: any two places of
a device's history say by their difference what lies between.
"""

allowances = Table(
    "allowances",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("allowance_id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("value", String(128), nullable=False),
    Column("name", String(128), nullable=False),
    Column("device_id", String(64)),
    Column("group_id", String(32)),
    Column("reason", String(512), nullable=False),
    Column("granted_by", String(254), nullable=False),
    Column("granted_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("ended_at", Moment),
    Column("ended_by", String(254)),
    ForeignKeyConstraint(*_DEVICE),
    Index("ix_allowances_scope", "organisation_id", "device_id", "group_id"),
)
"""What IT allowed or forbade beside the policy: for one device, one group, or (both null) all."""
