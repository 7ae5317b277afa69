"""Passwords with a second step, roles of administrators, and how a session was begun."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "administrators",
        sa.Column(
            "role", sa.String(length=32), server_default=sa.text("'administrator'"), nullable=False
        ),
    )
    op.add_column(
        "sessions",
        sa.Column("method", sa.String(length=16), server_default=sa.text("'link'"), nullable=False),
    )
    op.add_column(
        "sessions",
        sa.Column("proven_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "credentials",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=True),
        sa.Column("secret", sa.String(length=64), nullable=True),
        sa.Column("pending_secret", sa.String(length=64), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id", "email"],
            ["administrators.organisation_id", "administrators.email"],
            name=op.f("fk_credentials_organisation_id_email"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "email", name=op.f("pk_credentials")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "email"],
            ["administrators.organisation_id", "administrators.email"],
            name=op.f("fk_recovery_codes_organisation_id_email"),
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "email", "code_hash", name=op.f("pk_recovery_codes")
        ),
    )
