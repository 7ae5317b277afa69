"""No path of an application's is kept once nobody can be sent there any more."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE gate_sessions SET path = '' WHERE ticket_hash IS NULL")
