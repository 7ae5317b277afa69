"""Whose people a group may enrol by itself; who saw a group alone goes on only looking."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "groups",
        sa.Column("owner_domains", sa.String(length=2048), nullable=False, server_default=""),
    )
    # Whatever their role, they could only look; to decide is given to them anew, by name.
    op.execute(
        "UPDATE administrators SET role = 'viewer' "
        "WHERE group_id IS NOT NULL AND role = 'administrator'"
    )
