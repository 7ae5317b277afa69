"""Up to which entry of the audit record alerts were written."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_places",
        sa.Column("organisation_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.organisation_id"]),
        sa.PrimaryKeyConstraint("organisation_id"),
    )
    # Rules that are there hear of what happens from now on.
    op.execute(
        "INSERT INTO alert_places (organisation_id, number) "
        "SELECT DISTINCT rules.organisation_id, COALESCE(heads.number, 0) "
        "FROM alert_rules AS rules LEFT JOIN audit_heads AS heads "
        "ON heads.organisation_id = rules.organisation_id"
    )
