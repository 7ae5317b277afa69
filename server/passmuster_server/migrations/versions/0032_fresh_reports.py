"""A fresh report that was asked for: when, when the laptop was told, and when it came."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("fresh_asked_at", "fresh_told_at", "fresh_done_at"):
        op.add_column("contacts", sa.Column(name, sa.BigInteger(), nullable=True))
