"""Sessions of browsers with applications behind a proxy."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_sessions",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=254), nullable=False),
        sa.Column("application", sa.String(length=128), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=2048), nullable=False),
        sa.Column("begin_hash", sa.String(length=64), nullable=False),
        sa.Column("ticket_hash", sa.String(length=64), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_gate_sessions_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "session_id", name=op.f("pk_gate_sessions")),
    )
    op.create_index(
        "ix_gate_sessions_device", "gate_sessions", ["organisation_id", "device_id", "expires_at"]
    )
    op.create_index("ix_gate_sessions_expires_at", "gate_sessions", ["expires_at"])
    op.create_index("uq_gate_sessions_ticket_hash", "gate_sessions", ["ticket_hash"], unique=True)
