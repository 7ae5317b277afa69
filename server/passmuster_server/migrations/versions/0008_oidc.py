"""Relying parties of the OpenID provider, their logins, codes and access tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oidc_access_tokens",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("claims", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_oidc_access_tokens_organisation_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "token_hash", name=op.f("pk_oidc_access_tokens")
        ),
    )
    op.create_index(
        "ix_oidc_access_tokens_code",
        "oidc_access_tokens",
        ["organisation_id", "code_hash"],
        unique=False,
    )
    op.create_index(
        "ix_oidc_access_tokens_expires_at", "oidc_access_tokens", ["expires_at"], unique=False
    )
    op.create_index(
        "uq_oidc_access_tokens_token_hash", "oidc_access_tokens", ["token_hash"], unique=True
    )
    op.create_table(
        "oidc_clients",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=True),
        sa.Column("redirect_uris", sa.LargeBinary(), nullable=False),
        sa.Column("id_token_alone", sa.Boolean(), nullable=False),
        sa.Column("pkce", sa.Boolean(), nullable=False),
        sa.Column("trusts_login_hint", sa.Boolean(), nullable=False),
        sa.Column("hint_issuer", sa.String(length=2048), nullable=True),
        sa.Column("hint_keys_url", sa.String(length=2048), nullable=True),
        sa.Column("hint_audience", sa.String(length=256), nullable=True),
        sa.Column("hint_claim", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_oidc_clients_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", name=op.f("pk_oidc_clients")),
    )
    op.create_index(
        "uq_oidc_clients_client_id",
        "oidc_clients",
        ["client_id"],
        unique=True,
    )
    op.create_table(
        "oidc_codes",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("redirect_uri", sa.String(length=2048), nullable=False),
        sa.Column("challenge", sa.String(length=128), nullable=True),
        sa.Column("person", sa.String(length=254), nullable=False),
        sa.Column("claims", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_oidc_codes_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "code_hash", name=op.f("pk_oidc_codes")),
    )
    op.create_index(
        "ix_oidc_codes_given_at",
        "oidc_codes",
        ["given_at"],
    )
    op.create_index(
        "uq_oidc_codes_code_hash",
        "oidc_codes",
        ["code_hash"],
        unique=True,
    )
    op.create_table(
        "oidc_logins",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("login_hash", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.String(length=254), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=True),
        sa.Column("proof_asked_at", sa.BigInteger(), nullable=True),
        sa.Column("decision_id", sa.String(length=64), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_oidc_logins_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "login_hash", name=op.f("pk_oidc_logins")),
    )
    op.create_index(
        "ix_oidc_logins_expires_at",
        "oidc_logins",
        ["expires_at"],
    )
    op.create_index(
        "uq_oidc_logins_login_hash",
        "oidc_logins",
        ["login_hash"],
        unique=True,
    )
