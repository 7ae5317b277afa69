"""How many laptops of each group pass each signal, hour by hour."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signal_tallies",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("signal", sa.String(length=64), nullable=False),
        sa.Column("passing", sa.Integer(), nullable=False),
        sa.Column("failing", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_signal_tallies_organisation_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "taken_at", "group_id", "signal", name=op.f("pk_signal_tallies")
        ),
    )
