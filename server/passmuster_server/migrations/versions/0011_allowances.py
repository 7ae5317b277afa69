"""What IT has allowed or forbidden beside the policy."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "allowances",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("allowance_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("group_id", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.String(length=512), nullable=False),
        sa.Column("granted_by", sa.String(length=254), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=254), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_allowances_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "allowance_id", name=op.f("pk_allowances")),
    )
    op.create_index(
        "ix_allowances_scope",
        "allowances",
        ["organisation_id", "device_id", "group_id"],
        unique=False,
    )
