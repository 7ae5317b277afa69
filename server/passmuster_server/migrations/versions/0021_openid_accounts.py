"""Administrators who come by the organisation's own sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "administrators", sa.Column("openid_identity", sa.String(length=64), nullable=True)
    )
    op.add_column(
        "administrators",
        sa.Column("managed", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_index(
        "uq_administrators_openid_identity",
        "administrators",
        ["organisation_id", "openid_identity"],
        unique=True,
    )
