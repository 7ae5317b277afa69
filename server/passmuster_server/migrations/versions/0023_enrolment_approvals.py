"""Laptops that ask to be approved after the organisation's own sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrolment_approvals",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("enrolment_id", sa.String(length=64), nullable=False),
        sa.Column("device_code_hash", sa.String(length=64), nullable=False),
        sa.Column("user_code_hash", sa.String(length=64), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=254), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("person", sa.String(length=254), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_enrolment_approvals_organisation_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "enrolment_id", name=op.f("pk_enrolment_approvals")
        ),
    )
    op.create_index(
        "uq_enrolment_approvals_user_code",
        "enrolment_approvals",
        ["organisation_id", "user_code_hash"],
        unique=True,
    )
    op.create_index("ix_enrolment_approvals_expires_at", "enrolment_approvals", ["expires_at"])
