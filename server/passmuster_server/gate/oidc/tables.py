"""The tables of relying parties, of logins under way, and of what was given out at their end."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, String, Table

from passmuster_server.schema import METADATA, Moment

oidc_clients = Table(
    "oidc_clients",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("client_id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("secret_hash", String(64)),
    Column("redirect_uris", LargeBinary, nullable=False),
    Column("id_token_alone", Boolean, nullable=False),
    Column("pkce", Boolean, nullable=False),
    Column("trusts_login_hint", Boolean, nullable=False),
    Column("hint_issuer", String(2048)),
    Column("hint_keys_url", String(2048)),
    Column("hint_audience", String(256)),
    Column("hint_claim", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    Index("uq_oidc_clients_client_id", "client_id", unique=True),
)
"""A client without a secret is public. `redirect_uris` is JSON; each counts letter by letter."""

oidc_logins = Table(
    "oidc_logins",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("login_hash", String(64), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("person", String(254)),
    Column("subject", String(255)),
    Column("started_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("session_id", String(64)),
    Column("proof_asked_at", Moment),
    Column("decision_id", String(64)),
    Column("ended_at", Moment),
    Index("uq_oidc_logins_login_hash", "login_hash", unique=True),
    Index("ix_oidc_logins_expires_at", "expires_at"),
)
"""`session_id` is the browser's that came first: no other one may go on. `person` is whom
the request names, `subject` what its signed hint calls them.
"""

oidc_codes = Table(
    "oidc_codes",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("code_hash", String(64), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("redirect_uri", String(2048), nullable=False),
    Column("challenge", String(128)),
    Column("person", String(254), nullable=False),
    Column("device_id", String(64)),
    Column("proof", String(16), nullable=False, server_default="person"),
    Column("claims", LargeBinary, nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("used_at", Moment),
    Index("uq_oidc_codes_code_hash", "code_hash", unique=True),
    Index("ix_oidc_codes_given_at", "given_at"),
)
"""`claims` is the ID token's payload as JSON, but for the times of its own. `person`, `device_id`
and `proof` are what the gate is asked about once more.
"""

oidc_access_tokens = Table(
    "oidc_access_tokens",
    METADATA,
    Column("organisation_id", ForeignKey("organisations.organisation_id"), primary_key=True),
    Column("token_hash", String(64), primary_key=True),
    Column("code_hash", String(64), nullable=False),
    Column("claims", LargeBinary, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("uq_oidc_access_tokens_token_hash", "token_hash", unique=True),
    Index("ix_oidc_access_tokens_code", "organisation_id", "code_hash"),
    Index("ix_oidc_access_tokens_expires_at", "expires_at"),
)
"""For the userinfo endpoint. A code that comes a second time deletes what it gave."""
