"""Devices by the fingerprint of their key, which the console's search asks for."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_devices_fingerprint", "devices", ["organisation_id", "fingerprint"], unique=False
    )
