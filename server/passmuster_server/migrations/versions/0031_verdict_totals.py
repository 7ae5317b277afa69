"""How long and how often each laptop has had each verdict, up to each row of the history."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

ENDLESS = 253370764800000000
"""The beginning of the year 9999, in microseconds: it holds still."""

AT_ONCE = 500
"""Laptops: a year of each is some hundred rows."""

NEXT = (
    "SELECT organisation_id, device_id FROM devices "
    "WHERE organisation_id > :organisation "
    "OR (organisation_id = :organisation AND device_id > :device) "
    "ORDER BY organisation_id, device_id LIMIT :some"
)
OWN = "organisation_id = :organisation AND device_id BETWEEN :first AND :last"
SET_BACK = (
    "UPDATE verdict_history SET ended_at = later.begins, "  # noqa: S608 - constants
    "since = CASE WHEN since > later.begins THEN later.begins ELSE since END FROM ("
    "SELECT history_id, MIN(since) OVER (PARTITION BY device_id ORDER BY history_id "
    "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS begins "
    f"FROM verdict_history WHERE {OWN}"
    ") AS later WHERE later.history_id = verdict_history.history_id "
    "AND (ended_at > later.begins OR since > later.begins)"
)
"""A clock may have run ahead: what came later says when it was put right."""

BACKWARDS = (
    "UPDATE verdict_history SET ended_at = since "  # noqa: S608 - constants
    f"WHERE {OWN} AND ended_at < since"
)
IN_ORDER = "PARTITION BY device_id, verdict ORDER BY ended_at, since, history_id"
"""As the totals are read."""

COUNTED = (
    "UPDATE verdict_history "  # noqa: S608 - constants
    "SET had_before = counted.had_before, times = counted.times FROM ("
    "SELECT history_id, "
    "CAST(COALESCE(SUM(CASE WHEN ended_at < :endless THEN ended_at - since ELSE 0 END) OVER ("
    f"{IN_ORDER} "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS BIGINT) AS had_before, "
    f"ROW_NUMBER() OVER ({IN_ORDER}) AS times FROM verdict_history WHERE {OWN}"
    ") AS counted WHERE counted.history_id = verdict_history.history_id"
)


def upgrade() -> None:
    op.add_column(
        "verdict_history",
        sa.Column("had_before", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "verdict_history", sa.Column("times", sa.Integer(), server_default="1", nullable=False)
    )
    _count(op.get_bind())
    op.create_index(
        "ix_verdict_history_totals",
        "verdict_history",
        ["organisation_id", "verdict", "device_id", "ended_at", "since", "times", "had_before"],
        unique=False,
    )


def _count(connection: sa.Connection) -> None:
    organisation, device = "", ""
    while True:
        some = connection.execute(
            sa.text(NEXT), {"organisation": organisation, "device": device, "some": AT_ONCE}
        ).all()
        if not some:
            return
        # Of one organisation at a time, so that its laptops are a range of an index.
        organisation = some[0].organisation_id
        own = [row.device_id for row in some if row.organisation_id == organisation]
        device = own[-1]
        owned = {"organisation": organisation, "first": own[0], "last": device}
        for statement in (SET_BACK, BACKWARDS):
            connection.execute(sa.text(statement), owned)
        connection.execute(sa.text(COUNTED), {**owned, "endless": ENDLESS})
