"""Codes that let a person in once without a laptop."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "break_glass_codes",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=254), nullable=False),
        sa.Column("application", sa.String(length=128), nullable=False),
        sa.Column("lasts_s", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=512), nullable=False),
        sa.Column("made_by", sa.String(length=254), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_break_glass_codes_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "code_hash", name=op.f("pk_break_glass_codes")),
    )
