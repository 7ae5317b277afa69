"""When a rule last told something, and what was in the way since."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert_rules", sa.Column("delivered_at", sa.BigInteger(), nullable=True))
    op.add_column(
        "alert_rules",
        sa.Column("problem", sa.String(length=200), nullable=False, server_default=""),
    )
