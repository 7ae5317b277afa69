"""Whether a browser came from the address of the laptop that it proved."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("address_code", sa.String(length=64), nullable=True))
    op.add_column("browser_sessions", sa.Column("same_address", sa.Boolean(), nullable=True))
