"""Browsers that prove on which device they are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proof_visits",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("visit_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=254), nullable=True),
        sa.Column("application", sa.String(length=128), nullable=False),
        sa.Column("back", sa.String(length=4096), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("challenge", sa.String(length=64), nullable=False),
        sa.Column("put_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_proof_visits_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "visit_id", name=op.f("pk_proof_visits")),
    )
    op.create_index("ix_proof_visits_expires_at", "proof_visits", ["expires_at"])
    op.create_index(
        "uq_proof_visits_challenge", "proof_visits", ["organisation_id", "challenge"], unique=True
    )
    op.create_table(
        "browser_sessions",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=False),
        sa.Column("report_sequence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_browser_sessions_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "session_id", name=op.f("pk_browser_sessions")),
    )
    op.create_index("ix_browser_sessions_expires_at", "browser_sessions", ["expires_at"])
    op.create_index(
        "ix_browser_sessions_device", "browser_sessions", ["organisation_id", "device_id"]
    )
