"""What the history says of a time that has not come yet, once a clock that ran ahead is right."""

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Transaction

_ANY_VERDICT = ", ".join(f"'{verdict}'" for verdict in Verdict)
_AHEAD = (
    "SELECT history_id, verdict, since, ended_at, had_before "  # noqa: S608 - constants
    "FROM verdict_history WHERE organisation_id = ? AND device_id = ? "
    # Without it SQLite would look through all of the organisation's history.
    f"AND verdict IN ({_ANY_VERDICT}) AND ended_at > ? ORDER BY ended_at, since, times"
)
_MOVE = "UPDATE verdict_history SET since = ?, ended_at = ?, had_before = ? WHERE history_id = ?"


def pull_back(
    transaction: Transaction, organisation: str, device: str, moment: int, endless: int
) -> None:
    """Let no verdict of the device's history begin or end after `moment`, and count anew.

    `moment` is in microseconds. The verdict that holds goes on holding: its end stays `endless`.
    """
    had: dict[str, int] = {}
    ahead = transaction.run(_AHEAD, (organisation, device, moment)).fetchall()
    for history_id, verdict, since, ended_at, counted in ahead:
        begins = min(since, moment)
        ends = endless if ended_at == endless else moment
        had_before = had.get(verdict, counted)
        had[verdict] = had_before + moment - begins
        transaction.run(_MOVE, (begins, ends, had_before, history_id))
