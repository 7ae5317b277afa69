"""Every laptop that asks to be approved asks as often, so it is not kept beside each."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("enrolment_approvals", "interval_s")
