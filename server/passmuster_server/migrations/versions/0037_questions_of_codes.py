"""What the gate is asked once more when a relying party's code is redeemed."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oidc_codes", sa.Column("device_id", sa.String(length=64), nullable=True))
    op.add_column(
        "oidc_codes",
        sa.Column("proof", sa.String(length=16), nullable=False, server_default="person"),
    )
