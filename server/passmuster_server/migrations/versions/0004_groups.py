"""Groups of devices, and whose property a device is."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    groups = op.create_table(
        "groups",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_groups_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "group_id", name=op.f("pk_groups")),
    )
    op.create_index("uq_groups_name", "groups", ["organisation_id", "name"], unique=True)
    organisations = sa.table("organisations", sa.column("organisation_id"))
    op.execute(
        groups.insert().from_select(
            ["organisation_id", "group_id", "name", "kind", "created_at"],
            sa.select(
                organisations.c.organisation_id,
                sa.literal("default"),
                sa.literal("Default"),
                sa.literal("internal"),
                sa.literal(time.time_ns() // 1000, sa.BigInteger()),
            ),
        )
    )
    op.add_column("enrolment_codes", sa.Column("group_id", sa.String(length=32)))
    op.add_column("enrolment_codes", sa.Column("ownership", sa.String(length=16)))
    op.add_column(
        "devices",
        sa.Column("group_id", sa.String(length=32), server_default="default", nullable=False),
    )
    op.add_column(
        "devices",
        sa.Column("ownership", sa.String(length=16), server_default="company", nullable=False),
    )
