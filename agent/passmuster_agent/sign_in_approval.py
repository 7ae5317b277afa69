"""Enrolment without a code from IT: a person signs in and approves this laptop (RFC 8628)."""

import time
from collections.abc import Callable

from passmuster_agent.errors import AgentError, ExitCode
from passmuster_collectors.contract.enrolment import ApprovalStarted, Enrolled

SLOWER_S = 5
"""Section 3.5: each `slow_down` adds so much."""
SLOWEST_S = 60.0

NOT_YET = {"authorization_pending": False, "slow_down": True}
"""The server's words for it, and whether to slow down."""


class NotYetError(AgentError):
    """Nobody has approved so far; `slow_down` says that we ask too often."""

    def __init__(self, *, slow_down: bool) -> None:
        super().__init__("Nobody has approved this laptop yet.", "", ExitCode.REFUSED)
        self.slow_down = slow_down


def told(started: ApprovalStarted, fingerprint: str, owner: str | None) -> str:
    """Return what the person has to do."""
    minutes = started.expires_in_s // 60
    first = f"In a browser on this laptop open {started.url} and sign in."
    if owner is not None:
        first = f"In a browser on this laptop open {started.url} and sign in as {owner}."
    return (
        f"{first}\n"
        f"Then type this code there:\n\n    {started.user_code}\n\n"
        f"The page shows this laptop's name and its key, {fingerprint}. Approve nothing else.\n"
        f"The code is good for {minutes} minutes. Waiting ..."
    )


def wait_for_approval(
    started: ApprovalStarted,
    ask: Callable[[], Enrolled],
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Enrolled:
    """Ask until somebody has approved, turned it down, or the code has expired.

    `ask` raises `NotYetError` meanwhile. Raises `AgentError`: where the server could not be asked
    at the last, what was in the way.
    """
    ends = monotonic() + started.expires_in_s
    interval_s = float(started.interval_s)
    in_the_way: AgentError | None = None
    while monotonic() + interval_s < ends:
        sleep(interval_s)
        try:
            return ask()
        except NotYetError as error:
            in_the_way = None
            interval_s += SLOWER_S if error.slow_down else 0
        except AgentError as error:
            # A network that comes and goes is no reason to begin anew (section 3.5).
            if error.exit_code is not ExitCode.NOT_DELIVERED:
                raise
            in_the_way = error
            interval_s = max(interval_s, min(interval_s * 2, SLOWEST_S))
    raise in_the_way or AgentError(
        "Nobody approved this laptop in time.", "Start again for a new code.", ExitCode.REFUSED
    )
