"""Where a device stands: what the gate, the fleet page and the alerts all look at."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated

import msgspec

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.declaration import Text
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Outcome, Remedy, SignalVerdict, Verdict
from passmuster_server.schema import DEFAULT_GROUP

CLOCK_STEP_S = 60
"""How far ahead of the server's clock a contact may seem: clocks are corrected by seconds. Further
ahead, the clock was wrong then or is wrong now, and nobody knows how old the report is."""


class DeviceStatus(StrEnum):
    """Whether a device takes part. Only an `active` one can pass the gate."""

    ACTIVE = "active"
    PENDING = "pending"
    """Enrolled by a secret that many share; an administrator has to approve it."""
    CONFLICT = "conflict"
    REVOKED = "revoked"
    RETIRED = "retired"
    LOST = "lost"
    """Its reports are still taken in: they tell that somebody uses it, and open no gate."""


# Looked for once: the gate asks thousands of times a second.
_ACTIVE = DeviceStatus.ACTIVE
_GRACE = Verdict.GRACE


@dataclass(frozen=True)
class Reason:
    """One finding in words: to the worker, to IT, and how to fix it."""

    signal: str
    outcome: Outcome
    worker: Annotated[str, Text(longest=4096)]
    admin: Annotated[str, Text(longest=4096)]
    remedy: Remedy | None


@dataclass(frozen=True)
class SignalStanding:
    """How one signal of the device was judged, and since when it has not passed.

    `blocking` says whether policy lets it shut the gate, or only shows it; `waived_until` that it
    would, but for a waiver that lasts so long; `allowed_until` that it passes by an allowance that
    lasts so long.
    """

    signal: str
    title: str
    outcome: Outcome
    reasons: tuple[Reason, ...]
    failing_since: datetime | None = None
    blocking: bool = True
    waived_until: datetime | None = None
    allowed_until: datetime | None = None

    @cached_property
    def stored(self) -> bytes:
        """The canonical bytes of it."""
        return canonical_bytes(codec.encode(self))

    @cached_property
    def told(self) -> bytes:
        """The canonical bytes of a `SignalVerdict` that tells no limit."""
        remedies = tuple(each.remedy for each in self.reasons if each.remedy is not None)
        words = tuple(each.worker for each in self.reasons)
        verdict = SignalVerdict(self.signal, self.title, self.outcome, words, remedies)
        plain: dict[str, object] = codec.encode(verdict)
        del plain["within_s"]
        return canonical_bytes(plain)


def first_exception_end(signals: Iterable[SignalStanding]) -> datetime | None:
    """Return when the first waiver or allowance ends on which a verdict over these rests."""
    ends = (
        each.waived_until or (each.allowed_until if each.blocking else None) for each in signals
    )
    return min((end for end in ends if end), default=None)


class Standing(msgspec.Struct, frozen=True):
    """One device's verdict with everything needed to explain it.

    `verdict` is what was judged; `verdict_at` is what counts at a moment, which may be `unknown`
    for want of a recent report. `report_sequence` names the report the verdict rests on, `revision`
    counts the judgements that were stored of this device. The verdict rests on a waiver or an
    allowance until `waived_until`; without it this device has to be judged again. `judged`
    are the signals of which policy demands anything of this device, whether it was heard of or not.
    `group` is its group's id.
    """

    organisation: str
    device: str
    owner: str
    computer_name: str
    platform: Platform
    status: DeviceStatus
    verdict: Verdict
    since: datetime
    judged_at: datetime | None
    last_seen: datetime | None
    max_age_s: int
    grace_until: datetime | None
    policy_version: int
    report_sequence: int
    signals: tuple[SignalStanding, ...]
    judged: frozenset[str]
    revision: int = 0
    waived_until: datetime | None = None
    group: str = DEFAULT_GROUP

    @property
    def order(self) -> tuple[int, int]:
        """What grows with every change of this device, whichever server made it."""
        return self.revision, self.report_sequence

    def verdict_at(self, moment: datetime) -> Verdict:
        """Return the verdict that counts at `moment`: stale, future or conflicting is `unknown`."""
        if self.status is not _ACTIVE or not self.is_heard_of(moment):
            return Verdict.UNKNOWN
        if self.waived_until is not None and moment >= self.waived_until:
            return Verdict.NON_COMPLIANT
        if self.verdict is _GRACE and (self.grace_until is None or moment >= self.grace_until):
            return Verdict.NON_COMPLIANT
        return self.verdict

    def since_at(self, moment: datetime) -> datetime:
        """Return since when the verdict that counts at `moment` has counted, never after it."""
        if self.status is not DeviceStatus.ACTIVE or self.last_seen is None:
            return self.since
        if not self.is_heard_of(moment):
            # A contact that seems to lie ahead counts for nothing either.
            return min(moment, self.last_seen + timedelta(seconds=self.max_age_s))
        if self.verdict_at(moment) is self.verdict:
            return self.since
        ends = (self.grace_until, self.waived_until)
        return min((end for end in ends if end and end <= moment), default=self.since)

    def is_heard_of(self, moment: datetime) -> bool:
        """Whether what was last reported counts at `moment`; else each signal is unknown."""
        if self.last_seen is None:
            return False
        return -CLOCK_STEP_S <= (moment - self.last_seen).total_seconds() <= self.max_age_s

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every reason of every signal, in the catalog's order."""
        return tuple(reason for signal in self.signals for reason in signal.reasons)

    @property
    def blocking_reasons(self) -> tuple[Reason, ...]:
        """The reasons of the signals that can shut the gate."""
        return tuple(
            reason for signal in self.signals if signal.blocking for reason in signal.reasons
        )
