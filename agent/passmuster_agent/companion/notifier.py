"""When to show a notification: once when things get worse, and not in a flood.

Pure: told the time, in seconds.
"""

from collections.abc import Callable

from passmuster_agent.companion.messages import Notice, Silenced
from passmuster_collectors.contract.verdict import Verdict

NEVER = float("inf")
SHOW_EVERY_S = 20.0


Told = Notice | Silenced


class Notifier:
    """Calls `show` with a notice that takes the place of the one before, or None to take it away.

    It shows a verdict that lets nobody in, or not for long, and again what else goes wrong; of
    several things that are wrong one that is put right is no reason to show the others again. That
    this laptop can't report is shown once, until it reports again.
    """

    def __init__(self, show: Callable[[Told | None], None]) -> None:
        self._show = show
        self._known: Told | None = None
        self._shown: Told | None = None
        self._last_shown = float("-inf")

    def tell(self, told: Told, at: float) -> None:
        """Take what the daemon tells."""
        self._known = told
        if _is_well(told):
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
        if known is None or _is_well(known):
            return False
        if isinstance(known, Silenced):
            return not isinstance(shown, Silenced)
        if not isinstance(shown, Notice) or known.verdict is not shown.verdict:
            return True
        return not _signals(known) <= _signals(shown) or known.grace_until != shown.grace_until


def _is_well(told: Told) -> bool:
    return isinstance(told, Notice) and told.verdict is Verdict.COMPLIANT


def _signals(notice: Notice) -> frozenset[str]:
    return frozenset(each.signal for each in notice.wrong)
