"""Find what was done to one thing lately without reading the whole record."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_audit_entries_subject", "audit_entries", ["organisation_id", "subject", "at"]
    )
