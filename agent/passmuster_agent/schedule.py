"""When to read and when to send. Pure: every method is told the time, in seconds since boot."""

from collections.abc import Callable
from random import Random

from passmuster_collectors.contract.verdict import LEAST_RHYTHM_S
from passmuster_collectors.host.events import NEVER

QUIET_S = 0.1
"""A burst of events is over when nothing came for this long."""

LONGEST_BURST_S = 1.0
"""What was touched is read again after this long, even when the events do not stop."""

FULL_S = 900.0
FULL_JITTER = 0.2
BACK_OFF_LEAST_S = 5.0
BACK_OFF_MOST_S = 900.0
BOOT_SPREAD_S = 60.0
RESUME_S = 1.0
"""A sleep shorter than this is not told from the clocks' own differences."""

ONE_RESUME_S = 10.0
"""What tells of a resume within this time tells of the same one."""


class Debounce:
    """Turns bursts of events into few readings.

    A name is read at once when it first comes up, so that the report leaves at once, and again
    when the burst is over, because a device appears before its interfaces do.
    """

    def __init__(self) -> None:
        self._now: set[str] = set()
        self._burst: set[str] = set()
        self._began = 0.0
        self._last = 0.0

    def event(self, names: frozenset[str], at: float) -> None:
        """Take note of names that something happened to."""
        if not names:
            return
        if not self._burst:
            self._began = at
        self._now |= names - self._burst
        self._burst |= names
        self._last = at

    def due(self, at: float) -> frozenset[str]:
        """Return the names to read now, and take them as read."""
        names, self._now = self._now, set()
        if self._burst and at >= self._last + QUIET_S:
            names |= self._burst
            self._burst = set()
        elif self._burst and at >= self._began + LONGEST_BURST_S:
            names |= self._burst
            self._began = at
        return frozenset(names)

    def next_at(self) -> float:
        """Return when something is due."""
        if self._now:
            return self._last
        if self._burst:
            return min(self._last + QUIET_S, self._began + LONGEST_BURST_S)
        return NEVER


class FullCheck:
    """The safety net: everything is read and reported anew every 15 minutes ± 20 %.

    More often where the server wants to hear from this laptop more often, and at once after sleep.
    """

    def __init__(self, random: Random, at: float, asleep_s: float) -> None:
        self._random = random
        self._every_s = FULL_S
        self._asleep_s = asleep_s
        self._resumed_at = -NEVER
        self._next = at

    def within(self, report_within_s: float, at: float) -> None:
        """Keep to the server's wish, the jitter included: the next one is no later either.

        A wish for less than any policy asks for is about the next one alone: without an answer to
        it, a laptop that is offline would read everything every few seconds.
        """
        if report_within_s >= LEAST_RHYTHM_S:
            self._every_s = min(FULL_S, report_within_s / (1 + FULL_JITTER))
        self._next = min(self._next, at + report_within_s)

    def look(self, at: float, asleep_s: float) -> bool:
        """Whether this laptop has slept since the last look; then the check is due at once."""
        slept = asleep_s - self._asleep_s > RESUME_S
        self._asleep_s = asleep_s
        if slept:
            self._next = self._resumed_at = at
        return slept

    def resumed(self, at: float) -> bool:
        """Take the system's word that it is awake again; return whether that is news.

        Not all kinds of sleep stop the clocks that `look` compares.
        """
        if at < self._resumed_at + ONE_RESUME_S:
            return False
        self._next = self._resumed_at = at
        return True

    def at_once(self, at: float) -> None:
        """Make it due."""
        self._next = at

    def due(self, at: float) -> bool:
        """Whether it is due."""
        return at >= self._next

    def done(self, at: float) -> None:
        """Plan the next one."""
        self._next = at + self._every_s * self._random.uniform(1 - FULL_JITTER, 1 + FULL_JITTER)

    def next_at(self) -> float:
        """Return when the next one is due."""
        return self._next


class BackOff:
    """Pauses between tries to deliver: full jitter, from 5 s doubling to 15 minutes.

    Full jitter spreads a fleet that lost its server at the same moment over the whole pause.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self._failures = 0
        self._until = 0.0
        self._asked_for = 0.0

    def failed(self, at: float, retry_after_s: float = 0.0) -> float:
        """Take note of a failure; return the pause. The server's wish is the least it lasts."""
        longest = min(BACK_OFF_MOST_S, BACK_OFF_LEAST_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        pause = retry_after_s + self._uniform(0.0, longest)
        self._until = at + pause
        self._asked_for = at + retry_after_s
        return pause

    def succeeded(self) -> None:
        """Start over."""
        self._failures = 0
        self._until = self._asked_for = 0.0

    def network_changed(self) -> None:
        """Try again as soon as the server's own wish allows, and soon again after that."""
        self._failures = 0
        self._until = self._asked_for

    def wait_until(self, at: float) -> None:
        """Hold the first try until `at`."""
        self._until = self._asked_for = at

    def may_send(self, at: float) -> bool:
        """Whether the pause is over."""
        return at >= self._until

    def next_at(self) -> float:
        """Return when the pause is over."""
        return self._until
