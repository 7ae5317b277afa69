"""What callers of the gate may do, and their OAuth 2 credentials."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _of_a_client(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id", "client_id"],
        ["gate_clients.organisation_id", "gate_clients.client_id"],
        name=op.f(f"fk_{table}_organisation_id_client_id"),
    )


def upgrade() -> None:
    op.create_table(
        "gate_grants",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=512), nullable=False),
        _of_a_client("gate_grants"),
        sa.PrimaryKeyConstraint(
            "organisation_id", "client_id", "kind", "value", name=op.f("pk_gate_grants")
        ),
    )
    op.create_table(
        "gate_secrets",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        _of_a_client("gate_secrets"),
        sa.PrimaryKeyConstraint("organisation_id", "client_id", name=op.f("pk_gate_secrets")),
    )
    op.create_table(
        "gate_access_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=512), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        _of_a_client("gate_access_tokens"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_gate_access_tokens")),
    )
    op.create_index(
        "ix_gate_access_tokens_client",
        "gate_access_tokens",
        ["organisation_id", "client_id", "issued_at"],
        unique=False,
    )
