"""Where the database is, and when it was last restored from a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("organisations", sa.Column("place", sa.String(length=128)))
    op.add_column("organisations", sa.Column("restored_at", sa.BigInteger()))
