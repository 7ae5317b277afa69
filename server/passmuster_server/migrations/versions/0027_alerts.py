"""Alert rules, and alerts that wait to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("hour_began_at", sa.BigInteger(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.organisation_id"],
            name=op.f("fk_alert_rules_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", "name", name=op.f("pk_alert_rules")),
    )
    op.create_table(
        "alert_outbox",
        sa.Column(
            "alert_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("alert", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id", "name"],
            ["alert_rules.organisation_id", "alert_rules.name"],
            name=op.f("fk_alert_outbox_organisation_id_name"),
        ),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alert_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_outbox_rule", "alert_outbox", ["organisation_id", "name", "alert_id"])
    op.create_index("ix_alert_outbox_created", "alert_outbox", ["created_at"])
