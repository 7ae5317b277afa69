"""By which code an enrolment was answered, for the laptop that the answer did not reach."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "enrolment_challenges", sa.Column("code_hash", sa.String(length=64), nullable=True)
    )
