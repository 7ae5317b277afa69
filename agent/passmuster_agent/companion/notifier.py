"""When to show a notification: once when things get worse, and not in a flood.

Pure: told the time, in seconds.
"""

from collections.abc import Callable

from passmuster_agent.companion.messages import Notice
from passmuster_collectors.contract.verdict import Verdict

NEVER = float("inf")
SHOW_EVERY_S = 20.0


class Notifier:
    """Calls `show` with a notice that takes the place of the one before, or None to take it away.

    It shows a verdict that lets nobody in, or not for long, and again what else goes wrong; of
    several things that are wrong one that is put right is no reason to show the others again.
    """

    def __init__(self, show: Callable[[Notice | None], None]) -> None:
        self._show = show
        self._known: Notice | None = None
        self._shown: Notice | None = None
        self._last_shown = float("-inf")

    def tell(self, notice: Notice, at: float) -> None:
        """Take what the daemon tells."""
        self._known = notice
        if notice.verdict is Verdict.COMPLIANT:
            if self._shown is not None:
                self._show(None)
                self._shown = None
            return
        self.step(at)

    def step(self, at: float) -> None:
        """Show what is known by now, if it is time."""
        if not self._is_due():
            self._shown = self._shown and self._known
        elif at >= self._last_shown + SHOW_EVERY_S:
            self._last_shown = at
            self._shown = self._known
            self._show(self._known)

    def next_at(self) -> float:
        """Return when there is something to show."""
        return self._last_shown + SHOW_EVERY_S if self._is_due() else NEVER

    def _is_due(self) -> bool:
        known, shown = self._known, self._shown
        if known is None or known.verdict is Verdict.COMPLIANT:
            return False
        if shown is None or known.verdict is not shown.verdict:
            return True
        return not _signals(known) <= _signals(shown) or known.grace_until != shown.grace_until


def _signals(notice: Notice) -> frozenset[str]:
    return frozenset(each.signal for each in notice.wrong)
