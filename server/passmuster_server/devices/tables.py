"""The tables of devices and their enrolment."""

from sqlalchemy import (
    BigInteger,
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

from passmuster_server.schema import DEFAULT_GROUP, METADATA, Moment

organisations = Table(
    "organisations",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("server_id", String(64), nullable=False),
    Column("hash_key", LargeBinary(32), nullable=False),
    Column("place", String(128)),
    Column("restored_at", Moment),
)
"""`place` tells the database from a copy that was restored elsewhere (`lineage`)."""

groups = Table(
    "groups",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("group_id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("owner_domains", String(2048), nullable=False, server_default=""),
    Index("uq_groups_name", "organisation_id", "name", unique=True),
)
"""A group is never deleted, so what names one needs no foreign key (SQLite could add none).

`owner_domains`, parted by spaces, are those of the people to whom whoever decides for the group
alone may give laptops.
"""

enrolment_codes = Table(
    "enrolment_codes",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("code_hash", String(64), primary_key=True),
    Column("owner", String(254), nullable=False),
    Column("replaces", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("device_id", String(64)),
    Column("group_id", String(32)),
    Column("ownership", String(16)),
)
"""`group_id` and `ownership` are null where nobody named them: then they stay as they are."""

deployment_secrets = Table(
    "deployment_secrets",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("at_once", Boolean, nullable=False),
    Column("owner_domain", String(189)),
    Column("group_id", String(32)),
    Column("ownership", String(16)),
    Index("uq_deployment_secrets_secret_hash", "organisation_id", "secret_hash", unique=True),
)
"""`at_once`: its laptops are in service without an administrator's approval."""

enrolment_challenges = Table(
    "enrolment_challenges",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("enrolment_id", String(64), primary_key=True),
    Column("challenge", String(64), nullable=False),
    Column("start", LargeBinary, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("code_hash", String(64)),
    Index("ix_enrolment_challenges_expires_at", "expires_at"),
)
"""`code_hash` is of the code that the laptop became a device by; null: it is none yet."""

enrolment_approvals = Table(
    "enrolment_approvals",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("enrolment_id", String(64), primary_key=True),
    Column("device_code_hash", String(64), nullable=False),
    Column("user_code_hash", String(64), nullable=False),
    Column("network", String(64), nullable=False),
    Column("owner", String(254)),
    Column("asked_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("polled_at", Moment),
    Column("decided_at", Moment),
    Column("person", String(254)),
    Column("status", String(16)),
    Index("uq_enrolment_approvals_user_code", "organisation_id", "user_code_hash", unique=True),
    Index("ix_enrolment_approvals_expires_at", "expires_at"),
)
"""`person` has approved the laptop, which is to have the `status`; null: has turned it down.

`network` is empty where it is not known.
"""

devices = Table(
    "devices",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("owner", String(254), nullable=False),
    Column("computer_name", String(128), nullable=False),
    Column("platform", String(16), nullable=False),
    Column("system", String(128), nullable=False),
    Column("agent_version", String(32), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("thumbprint", String(64), nullable=False),
    Column("fingerprint", String(16), nullable=False),
    Column("tier", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("enrolled_at", Moment, nullable=False),
    Column("group_id", String(32), nullable=False, server_default=DEFAULT_GROUP),
    Column("ownership", String(16), nullable=False, server_default="company"),
    Index("ix_devices_owner", "organisation_id", "owner"),
    Index("ix_devices_fingerprint", "organisation_id", "fingerprint"),
    Index("uq_devices_thumbprint", "organisation_id", "thumbprint", unique=True),
)

ratchets = Table(
    "ratchets",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("previous_nonce", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("answer", LargeBinary),
    Column("record_sequence", BigInteger, nullable=False),
    Column("record_hash", String(64), nullable=False),
    Column("recent", String(1200), nullable=False),
    ForeignKeyConstraint(
        ["organisation_id", "device_id"], ["devices.organisation_id", "devices.device_id"]
    ),
)

key_changes = Table(
    "key_changes",
    METADATA,
    Column("change_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("organisation_id", String(64), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key_before", LargeBinary, nullable=False),
    Column("fingerprint_before", String(16), nullable=False),
    Column("fingerprint_after", String(16), nullable=False),
    Column("tier_before", String(16), nullable=False),
    Column("tier_after", String(16), nullable=False),
    Column("message", LargeBinary),
    ForeignKeyConstraint(
        ["organisation_id", "device_id"], ["devices.organisation_id", "devices.device_id"]
    ),
    Index("ix_key_changes_device", "organisation_id", "device_id", "changed_at"),
)
"""A device's key gave way to another, or moved; `message` is what both keys signed, verbatim."""
