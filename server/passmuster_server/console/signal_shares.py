"""How each signal is judged on how many laptops, as they stand now."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from passmuster_collectors.contract.verdict import Outcome
from passmuster_server.policy.demands import JUDGED
from passmuster_server.policy.standing import Standing


@dataclass(frozen=True)
class SignalShare:
    """How one signal is judged on how many laptops now; `blocking` counts those it keeps out."""

    signal: str
    title: str
    passing: int
    failing: int
    unknown: int
    blocking: int

    @property
    def laptops(self) -> int:
        """How many laptops have it at all."""
        return self.passing + self.failing + self.unknown


def shares_of(standings: Sequence[Standing], now: datetime) -> list[SignalShare]:
    """Return how each signal is judged now, the one that keeps most laptops from passing first.

    Of a laptop that is not heard of any more every signal is unknown of which policy demands
    anything.
    """
    counts: Counter[tuple[str, Outcome]] = Counter()
    blocking: Counter[str] = Counter()
    for standing in standings:
        if not standing.is_heard_of(now):
            counts.update((signal, Outcome.UNKNOWN) for signal in standing.judged)
            continue
        for each in standing.signals:
            counts[each.signal, each.outcome] += 1
            blocking[each.signal] += each.blocking and bool(each.reasons)
    found = [
        SignalShare(
            signal.id,
            signal.title,
            counts[signal.id, Outcome.PASS],
            counts[signal.id, Outcome.FAIL] + counts[signal.id, Outcome.TRANSITIONING],
            counts[signal.id, Outcome.UNKNOWN],
            blocking[signal.id],
        )
        for signal in JUDGED
    ]
    judged = [each for each in found if each.laptops]
    return sorted(judged, key=lambda each: -(each.failing + each.unknown))
