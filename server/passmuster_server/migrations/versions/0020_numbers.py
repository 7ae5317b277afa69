"""Browsers that show a number, which a worker confirms at their laptop."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("proof_visits", sa.Column("number", sa.String(length=8), nullable=True))
    op.add_column("proof_visits", sa.Column("address_known", sa.Boolean(), nullable=True))
    op.create_index(
        "uq_proof_visits_number", "proof_visits", ["organisation_id", "number"], unique=True
    )
