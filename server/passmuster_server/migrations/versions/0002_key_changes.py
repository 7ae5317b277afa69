"""The history of each device's key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_changes",
        sa.Column(
            "change_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key_before", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint_before", sa.String(length=16), nullable=False),
        sa.Column("fingerprint_after", sa.String(length=16), nullable=False),
        sa.Column("tier_before", sa.String(length=16), nullable=False),
        sa.Column("tier_after", sa.String(length=16), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "device_id"],
            ["devices.organisation_id", "devices.device_id"],
            name=op.f("fk_key_changes_organisation_id_device_id"),
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_key_changes")),
    )
    op.create_index(
        "ix_key_changes_device",
        "key_changes",
        ["organisation_id", "device_id", "changed_at"],
        unique=False,
    )
