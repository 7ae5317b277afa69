"""Which systems are current enough."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Items, Text, Whole
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter
from passmuster_collectors.signals.system_updates.facts import SystemUpdatesFacts
from passmuster_collectors.signals.system_updates.support import ROLLING, support_end


class Problem(StrEnum):
    """What can be wrong with a system's updates."""

    PENDING = "pending"
    NOT_SUPPORTED = "not_supported"
    NOT_CHECKED = "not_checked"
    RESTART = "restart"
    UNCOUNTED = "uncounted"
    SUPPORT_UNKNOWN = "support_unknown"
    UNCLEAR = "unclear"
    UNREADABLE = UNREADABLE_KEY


@dataclass(frozen=True)
class SystemUpdatesLimits:
    """What is demanded.

    `supported` names systems that IT vouches for, such as `ubuntu 20.04` with paid support, or
    `zorin` in all its versions. `allow_uncounted` lets systems pass that keep no count of security
    updates.
    """

    pending_at_most: Annotated[int, Whole(0, 1000), Stricter.LOWER] = 0
    check_within_weeks: Annotated[int, Whole(1, 52), Stricter.LOWER] = 4
    allow_restart: Annotated[bool, Stricter.NO] = False
    allow_uncounted: Annotated[bool, Stricter.NO] = False
    supported: Annotated[
        tuple[Annotated[str, Text(longest=65)], ...], Items(most=64), Stricter.FEWER
    ] = ()


def judge(facts: SystemUpdatesFacts, limits: SystemUpdatesLimits) -> tuple[Finding, ...]:
    """Return what is wrong with the system's version and its updates."""
    return (*_support(facts, limits), *_updates(facts, limits))


def _support(facts: SystemUpdatesFacts, limits: SystemUpdatesLimits) -> Iterator[Finding]:
    name = f"{facts.system} {facts.version}".strip()
    vouched_for = {name.casefold(), facts.system.casefold()}
    if not vouched_for.isdisjoint(each.casefold() for each in limits.supported):
        return
    if facts.system in ROLLING and facts.support_end is None:
        return
    end = _day(facts.support_end) or support_end(facts.system, facts.version)
    now = _day(f"{facts.month}-01")
    if end is None or now is None:
        yield finding(Problem.SUPPORT_UNKNOWN, Outcome.UNKNOWN, system=name)
    elif end < now:
        yield finding(Problem.NOT_SUPPORTED, system=name, end=end.isoformat())


def _updates(facts: SystemUpdatesFacts, limits: SystemUpdatesLimits) -> Iterator[Finding]:
    count, weeks = facts.security_updates, facts.weeks_since_check
    if isinstance(count, int):
        if count > limits.pending_at_most:
            yield finding(Problem.PENDING, count=count)
    elif count == UNKNOWN:
        yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, what="waiting security updates")
    elif not limits.allow_uncounted:
        yield finding(Problem.UNCOUNTED, Outcome.UNKNOWN, system=facts.system)
    if isinstance(weeks, int) and weeks > limits.check_within_weeks:
        yield finding(Problem.NOT_CHECKED, weeks=weeks)
    elif weeks == UNKNOWN:
        yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, what="the age of the list of updates")
    if limits.allow_restart:
        return
    if facts.restart_needed == UNKNOWN:
        yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, what="whether a restart is due")
    elif facts.restart_needed:
        yield finding(Problem.RESTART)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None
