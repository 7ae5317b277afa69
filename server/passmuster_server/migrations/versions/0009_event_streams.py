"""Event streams, what they leave out, and the events that wait for their receivers."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _of_a_stream(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organisation_id", "stream_id"],
        ["ssf_streams.organisation_id", "ssf_streams.stream_id"],
        name=op.f(f"fk_{table}_organisation_id_stream_id"),
    )


def upgrade() -> None:
    op.create_table(
        "ssf_streams",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("stream_id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("endpoint_url", sa.String(length=2048), nullable=True),
        sa.Column("credential", sa.String(length=4096), nullable=True),
        sa.Column("events_requested", sa.Text(), nullable=True),
        sa.Column("subject_format", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=256), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=256), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verification_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_by", sa.String(length=32), nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "client_id"],
            ["gate_clients.organisation_id", "gate_clients.client_id"],
            name=op.f("fk_ssf_streams_organisation_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "stream_id", name=op.f("pk_ssf_streams")),
    )
    op.create_table(
        "ssf_removed_subjects",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("stream_id", sa.String(length=32), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        _of_a_stream("ssf_removed_subjects"),
        sa.PrimaryKeyConstraint(
            "organisation_id", "stream_id", "subject_hash", name=op.f("pk_ssf_removed_subjects")
        ),
    )
    op.create_table(
        "ssf_outbox",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("stream_id", sa.String(length=32), nullable=False),
        sa.Column("jti", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=254), nullable=False),
        sa.Column("claims", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("refused_at", sa.BigInteger(), nullable=True),
        sa.Column("refusal", sa.String(length=512), nullable=True),
        _of_a_stream("ssf_outbox"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_ssf_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_ssf_outbox_jti", "ssf_outbox", ["organisation_id", "stream_id", "jti"], unique=True
    )
    op.create_index(
        "ix_ssf_outbox_stream",
        "ssf_outbox",
        ["organisation_id", "stream_id", "event_id"],
        unique=False,
    )
    op.create_index("ix_ssf_outbox_created", "ssf_outbox", ["created_at"], unique=False)
