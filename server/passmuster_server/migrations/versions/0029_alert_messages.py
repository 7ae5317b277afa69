"""Which message an alert goes out in, and whose try it is."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert_rules", sa.Column("claim", sa.String(length=32), nullable=True))
    op.add_column("alert_outbox", sa.Column("message_id", sa.String(length=32), nullable=True))
