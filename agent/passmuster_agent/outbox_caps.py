"""How much waits at most, and what goes first when it is more."""

from datetime import datetime, timedelta

from passmuster_agent.database import Run
from passmuster_collectors.contract import codec

MAX_RECORDS = 200
MAX_BYTES = 2_000_000
MAX_AGE = timedelta(days=7)


def trim(run: Run, newest: int, now: datetime) -> None:
    """Delete what is beyond the caps, within the caller's transaction, and count it.

    What is in a signed upload or set aside is not touched, nor is the record `newest`.
    """
    oldest = codec.format_time(now - MAX_AGE)
    # Age is told by a clock that may be wrong, so it only ever removes what changed nothing.
    aged = run(
        "DELETE FROM records WHERE upload IS NULL AND problem IS NULL AND NOT changed "
        "AND sequence <> ? AND added_at < ?",
        (newest, oldest),
    ).rowcount
    (count, size) = run(
        "SELECT COUNT(*), SUM(LENGTH(body)) FROM records WHERE problem IS NULL"
    ).fetchone()
    removable = run(
        "SELECT sequence, LENGTH(body) FROM records WHERE upload IS NULL AND problem IS NULL "
        "AND sequence <> ? ORDER BY changed, sequence",
        (newest,),
    ).fetchall()
    dropped = 0
    while removable and (count > MAX_RECORDS or size > MAX_BYTES):
        sequence, length = removable.pop(0)
        run("DELETE FROM records WHERE sequence = ?", (sequence,))
        count, size, dropped = count - 1, size - length, dropped + 1
    if aged or dropped:
        run("UPDATE state SET dropped = dropped + ?", (aged + dropped,))
