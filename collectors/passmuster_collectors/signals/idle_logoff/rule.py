"""How soon a session that is left alone has to stop being usable."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Whole
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter
from passmuster_collectors.text import durations


class Problem(StrEnum):
    """What can be wrong, for each kind of session that somebody has open."""

    NEVER_GRAPHICAL = "never_graphical"
    NEVER_TERMINAL = "never_terminal"
    NEVER_REMOTE = "never_remote"
    TOO_LATE_GRAPHICAL = "too_late_graphical"
    TOO_LATE_TERMINAL = "too_late_terminal"
    TOO_LATE_REMOTE = "too_late_remote"
    NOT_ENDED_GRAPHICAL = "not_ended_graphical"
    UNCLEAR = "unclear"
    UNREADABLE = UNREADABLE_KEY


NAMES = {
    Coverage.GRAPHICAL: "desktop",
    Coverage.TERMINAL: "text console",
    Coverage.REMOTE: "remote",
}


@dataclass(frozen=True)
class IdleLogoffLimits:
    """`within_s`: seconds without input until a session is locked or ended.

    With `require_end` a lock is not enough: the session has to end.
    """

    within_s: Annotated[int, Whole(least=60, most=86_400), Stricter.LOWER] = 900
    require_end: Annotated[bool, Stricter.YES] = False


LOCKS = frozenset({Kind.LOCK, Kind.SUSPEND_AND_LOCK})


def judge(facts: IdleLogoffFacts, limits: IdleLogoffLimits) -> tuple[Finding, ...]:
    """Return which kinds of open session nothing covers in time; one mechanism is enough for each.

    Facts that list nothing at all tell nothing, and nothing is never a pass.
    """
    if not facts.mechanisms:
        return (finding(Problem.UNCLEAR, Outcome.UNKNOWN, session="open"),)
    return tuple(found for kind in Coverage for found in _judge(kind, facts, limits))


def _judge(kind: Coverage, facts: IdleLogoffFacts, limits: IdleLogoffLimits) -> Iterator[Finding]:
    covering = [each for each in facts.mechanisms if each.covers is kind]
    if not covering:
        return
    if limits.require_end:
        covering = [each for each in covering if each.kind not in LOCKS]
    certain = [each.after_s for each in covering if isinstance(each.after_s, int)]
    soonest = min(certain, default=None)
    if soonest is not None and soonest <= limits.within_s:
        return
    if any(_is_unknown(each) for each in covering):
        yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, session=NAMES[kind])
        return
    limit = durations.in_words(limits.within_s)
    if limits.require_end and kind is Coverage.GRAPHICAL:
        yield finding(Problem.NOT_ENDED_GRAPHICAL, Outcome.FAIL, limit=limit)
    elif soonest is None:
        yield finding(Problem(f"never_{kind.value}"), Outcome.FAIL, limit=limit)
    else:
        found = durations.in_words(soonest)
        yield finding(Problem(f"too_late_{kind.value}"), Outcome.FAIL, limit=limit, found=found)


def _is_unknown(mechanism: Mechanism) -> bool:
    return mechanism.after_s == UNKNOWN
