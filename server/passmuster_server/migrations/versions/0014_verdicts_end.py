"""When each verdict of the history ended, for questions about a period."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ENDLESS = 253370764800000000
"""The beginning of the year 9999, in microseconds: it holds still."""

ENDED = (
    "UPDATE verdict_history SET ended_at = COALESCE((SELECT later.since "
    "FROM verdict_history AS later "
    "WHERE later.organisation_id = verdict_history.organisation_id "
    "AND later.device_id = verdict_history.device_id "
    "AND later.history_id > verdict_history.history_id "
    "ORDER BY later.history_id LIMIT 1), :endless)"
)


def upgrade() -> None:
    op.add_column(
        "verdict_history",
        sa.Column("ended_at", sa.BigInteger(), server_default=str(ENDLESS), nullable=False),
    )
    op.execute(sa.text(ENDED).bindparams(endless=ENDLESS))
    op.create_index(
        "ix_verdict_history_ended",
        "verdict_history",
        ["organisation_id", "verdict", "ended_at", "since", "device_id"],
        unique=False,
    )
