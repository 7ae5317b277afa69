"""Secrets by which many laptops enrol."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment_secrets",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.Column("owner_domain", sa.String(length=189), nullable=True),
        sa.Column("group_id", sa.String(length=32), nullable=True),
        sa.Column("ownership", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_deployment_secrets_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "name", name=op.f("pk_deployment_secrets")),
    )
    op.create_index(
        "uq_deployment_secrets_secret_hash",
        "deployment_secrets",
        ["organisation_id", "secret_hash"],
        unique=True,
    )
