"""The tables of administrators, their one-time sign-in links and their sessions."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Table,
    false,
    text,
)

from passmuster_server.schema import METADATA, Moment

administrators = Table(
    "administrators",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("email", String(254), primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    Column("group_id", String(32)),
    Column("role", String(32), nullable=False, server_default=text("'administrator'")),
    Column("openid_identity", String(64)),
    Column("managed", Boolean, nullable=False, server_default=false()),
    Index("uq_administrators_openid_identity", "organisation_id", "openid_identity", unique=True),
)
"""`group_id` is the only group whose devices the administrator sees; null: all of them.

`openid_identity` is the hash of who it is at the organisation's own sign-in; null: nobody so far.
`managed`: the account was made by that sign-in, which gives it its role.
"""

_ADMINISTRATOR = (
    ["organisation_id", "email"],
    ["administrators.organisation_id", "administrators.email"],
)

credentials = Table(
    "credentials",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("email", String(254), primary_key=True),
    Column("password_hash", String(256)),
    Column("secret", String(64)),
    Column("pending_secret", String(64)),
    Column("last_step", BigInteger, nullable=False),
    Column("changed_at", Moment),
    ForeignKeyConstraint(*_ADMINISTRATOR),
)
"""The secrets are those of time-based codes, in base32; the pending one does not count yet.

`last_step` is the newest thirty seconds whose code was used: none up to it counts again.
"""

recovery_codes = Table(
    "recovery_codes",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("email", String(254), primary_key=True),
    Column("code_hash", String(64), primary_key=True),
    ForeignKeyConstraint(*_ADMINISTRATOR),
)

passkeys = Table(
    "passkeys",
    METADATA,
    Column("organisation_id", String(64), primary_key=True),
    Column("credential_hash", String(64), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("name", String(64), nullable=False),
    Column("credential", LargeBinary(1023), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("answered_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    ForeignKeyConstraint(*_ADMINISTRATOR),
    Index("ix_passkeys_email", "organisation_id", "email"),
)
"""`answered_at` is when the newest challenge was given that the passkey has answered."""

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
    Column("method", String(16), nullable=False, server_default=text("'link'")),
    Column("proven_at", Moment, nullable=False, server_default=text("0")),
    Index("ix_sessions_expires_at", "expires_at"),
)
"""`proven_at` is when the visitor last proved who they are; changes need that to be lately."""
