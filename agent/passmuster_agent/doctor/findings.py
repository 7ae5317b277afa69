"""What the doctor tells, also as JSON."""

from dataclasses import dataclass
from enum import StrEnum

from passmuster_collectors.contract.reading import SourceOutcome, Status

VERSION = 1


class Condition(StrEnum):
    """How one thing about the agent is."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""

    WRONG = "wrong"


@dataclass(frozen=True)
class Check:
    """One thing about the agent itself. `step` is what mends it, empty where nothing has to be."""

    name: str
    condition: Condition
    found: str
    step: str = ""


@dataclass(frozen=True)
class SourceFinding:
    """A source of a signal; `why` and `step` are empty where it was read or need not be."""

    name: str
    outcome: SourceOutcome
    detail: str
    why: str
    step: str


@dataclass(frozen=True)
class SignalFinding:
    """A signal, whether it could be read, and each place that was asked."""

    id: str
    title: str
    status: Status
    reason: str
    sources: tuple[SourceFinding, ...]


@dataclass(frozen=True)
class Diagnosis:
    """All of it. `wrong` says whether something needs mending; the exit code says the same."""

    version: int
    wrong: bool
    checks: tuple[Check, ...]
    signals: tuple[SignalFinding, ...]


def diagnosis(checks: tuple[Check, ...], signals: tuple[SignalFinding, ...]) -> Diagnosis:
    """Put the findings together."""
    wrong = any(each.condition is Condition.WRONG for each in checks)
    unread = any(each.status is Status.UNAVAILABLE for each in signals)
    return Diagnosis(VERSION, wrong or unread, checks, signals)
