"""What a signal is: its words, its facts, its rule and its readers. One per room of `signals`."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.verdict import SEVERITY, Outcome, Remedy
from passmuster_collectors.host.answers import UsbSighting
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.change import Change

Facts = TypeVar("Facts")
Limits = TypeVar("Limits")

Reader = Callable[[Host], Reading]
Testifier = Callable[[Host], Any]
"""Reads what a companion says of a signal: plain JSON."""

Changer = Callable[[Host, int], tuple[Change, ...]]
"""Returns what the user who runs this may change to keep within so many seconds.

Raises `SourceError`.
"""

Remember = Callable[[Reading, Any, Sequence[UsbSighting], bool], tuple[Reading, Any]]
"""Brings what the laptop remembers into a reading, and returns it with what to remember from now.

Given are the reading, what was remembered (JSON, or None), what the system told since the last
reading, and whether this is the first one since the laptop was enrolled. Pure.
"""

UNREADABLE = "unreadable"
"""The problem every signal has: it could not be read at all."""


@dataclass(frozen=True)
class Finding:
    """One thing that keeps a reading from passing.

    `problem` is a key of the signal's `problems`; `details` fill the placeholders of its texts.
    """

    problem: str
    outcome: Outcome
    details: Mapping[str, str]


def finding(problem: StrEnum, outcome: Outcome = Outcome.FAIL, **details: object) -> Finding:
    """Return a finding whose details are given as keywords."""
    return Finding(problem.value, outcome, {name: str(value) for name, value in details.items()})


@dataclass(frozen=True)
class ProblemText:
    """The words for one problem: to the worker, to IT, and how to fix it on each system.

    All are `str.format` templates over the finding's details. A system without its own remedy has
    no way to show this problem.
    """

    worker: str
    admin: str
    remedy: Mapping[Platform, Remedy]


@dataclass(frozen=True)
class Judgement:
    """What the rule concludes from one reading under one set of limits."""

    signal: str
    outcome: Outcome
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Signal(Generic[Facts, Limits]):
    """One signal.

    `limits()` are the default policy; `triggers` the kernel subsystems and bus names whose events
    make the agent read it again at once. `testifiers` read, in a user's session, what the agent
    outside of it may not see. `blocks` says whether a fresh policy lets it shut the gate; the
    others are only shown until IT decides otherwise. `remember` is there where a reading means more
    beside the ones before it; what is remembered never leaves the laptop.
    `changers` say what a worker may change to put it right, and `time_limit` names the field of
    `limits` that says within how many seconds.
    """

    id: str
    title: str
    why: str
    facts: type[Facts]
    limits: type[Limits]
    rule: Callable[[Facts, Limits], tuple[Finding, ...]]
    problems: Mapping[str, ProblemText]
    readers: Mapping[Platform, Reader | None]
    triggers: frozenset[str]
    testifiers: Mapping[Platform, Testifier] = field(default_factory=dict)
    changers: Mapping[Platform, Changer] = field(default_factory=dict)
    blocks: bool = True
    remember: Remember | None = None
    time_limit: str = ""

    def within_s(self, limits: Limits) -> int | None:
        """Return how soon `limits` want an unattended session closed; None: they don't say."""
        return int(getattr(limits, self.time_limit)) if self.time_limit else None

    def limits_within(self, seconds: int | None) -> Limits:
        """Return the default limits, with that limit on time where there is one."""
        limits: Any = self.limits()
        if seconds is not None and self.time_limit:
            limits = dataclasses.replace(limits, **{self.time_limit: seconds})
        return cast("Limits", limits)

    def judge(self, reading: Reading, limits: Limits) -> Judgement:
        """Return what `reading` means under `limits`. Unknown is never a pass.

        A definite failure counts even where the rest of the reading could not be read. Raises
        `ContractError` for facts that are not this signal's.
        """
        if reading.status is Status.NOT_APPLICABLE:
            return Judgement(self.id, Outcome.NOT_APPLICABLE, ())
        findings: tuple[Finding, ...] = ()
        if reading.facts is not None:
            findings = self.rule(codec.decode(self.facts, reading.facts, "facts"), limits)
        if reading.facts is None or (reading.status is Status.UNAVAILABLE and not findings):
            reason = reading.reason or "It could not be read."
            findings = (*findings, Finding(UNREADABLE, Outcome.UNKNOWN, {"reason": reason}))
        return Judgement(self.id, worst(found.outcome for found in findings), findings)

    def worker_text(self, found: Finding) -> str:
        """Return the sentence for the worker."""
        return fill(self.problems[found.problem].worker, found.details)

    def admin_text(self, found: Finding) -> str:
        """Return the sentence for IT."""
        return fill(self.problems[found.problem].admin, found.details)

    def remedy(self, found: Finding, platform: Platform) -> Remedy | None:
        """Return the steps on this system, or None where it has no words for the problem."""
        remedy = self.problems[found.problem].remedy.get(platform)
        if remedy is None:
            return None
        return Remedy(tuple(fill(step, found.details) for step in remedy.steps), remedy.link)


def worst(outcomes: Any) -> Outcome:
    """Return the worst of the outcomes; no outcome at all is a pass."""
    found = set(outcomes)
    return next((outcome for outcome in SEVERITY if outcome in found), Outcome.PASS)


def fill(template: str, details: Mapping[str, str]) -> str:
    """Return the template with its placeholders filled.

    Details come from a laptop: they are inserted as text and never read as a template themselves.
    """
    return template.format_map(details)
