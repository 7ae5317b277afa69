"""From readings and a policy to a verdict. Pure: no clock, no store."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

import msgspec

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Status
from passmuster_collectors.contract.verdict import SEVERITY, Outcome, Verdict
from passmuster_collectors.signals.signal import Finding, Judgement, Signal
from passmuster_server.policy.allowances import Allowance, changed_limits
from passmuster_server.policy.demands import JUDGED, Severity, SignalPolicy
from passmuster_server.policy.document import Policy
from passmuster_server.policy.key_tier import KEY_TIER, reading_of
from passmuster_server.policy.overlays import Subject
from passmuster_server.policy.standing import Reason, SignalStanding

GOOD = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE})

NOT_REPORTED = "The agent on this laptop did not report it; it may need an update."
NOT_UNDERSTOOD = "It was reported in a form that this server does not know."

MAX_REASONS = 32
"""Reasons kept of one signal, the worst first: nobody reads more, and each one is stored."""
MAX_TEXT = 512

MAX_KNOWN = 4096
MAX_KNOWN_FACTS = 2048
"""Bytes of facts whose judgement is kept: longer ones are one laptop's own."""

_BY_ID = {signal.id: signal for signal in JUDGED}
_WHENEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Judged:
    """What a policy says of one device's readings."""

    verdict: Verdict
    grace_until: datetime | None
    signals: tuple[SignalStanding, ...]


def judge_device(
    readings: Mapping[str, Reading],
    policy: Policy,
    subject: Subject,
    before: tuple[SignalStanding, ...],
    now: datetime,
    waived: Mapping[str, datetime] = MappingProxyType({}),
    allowed: Sequence[Allowance] = (),
    settled: Mapping[str, SignalStanding] = MappingProxyType({}),
) -> Judged:
    """Return the verdict on `readings` at `now`; `before` says since when a signal has failed.

    Anything but a pass of a blocking signal shuts the gate, unless the signal's grace still lasts
    or the signal is `waived` (until when). Time under a waiver counts as time of failing. `allowed`
    changes the limits of this device. `settled` are signals whose judgement is known already: no
    reading of theirs is needed.
    """
    failing_since = {item.signal: item.failing_since for item in before}
    signals: list[SignalStanding] = []
    grace_ends: list[datetime] = []
    blocked = False
    for signal in JUDGED:
        demanded = policy.demanded(signal.id, subject)
        if not demanded.is_judged:
            continue
        reading = readings.get(signal.id) or _not_reported(signal, now)
        if signal is KEY_TIER:
            reading = reading_of(subject.tier, now)
        blocking = demanded.severity is Severity.BLOCK
        limits = changed_limits(demanded.limits, signal.id, allowed, now)
        if signal.id in settled:
            known, limits = settled[signal.id], demanded.limits
            standing = dataclasses.replace(known, blocking=blocking, waived_until=None)
        else:
            standing = _standing_of(signal, reading, demanded, limits, subject.platform)
        if standing.outcome not in GOOD:
            # Never later than now: a clock that was set back must not begin a grace period.
            since = min(failing_since.get(signal.id) or now, now)
            standing = dataclasses.replace(standing, failing_since=since)
            until = waived.get(signal.id)
            if blocking and until is not None and until > now:
                standing = dataclasses.replace(standing, blocking=False, waived_until=until)
            elif blocking:
                end = since + timedelta(seconds=demanded.grace_s)
                blocked = blocked or end <= now
                grace_ends.append(end)
        elif limits is not demanded.limits and limits != demanded.limits:
            end_of_it = _allowed_until(signal, reading, demanded.limits, allowed)
            standing = dataclasses.replace(standing, allowed_until=end_of_it)
        signals.append(standing)
    if blocked:
        return Judged(Verdict.NON_COMPLIANT, None, tuple(signals))
    if grace_ends:
        return Judged(Verdict.GRACE, min(grace_ends), tuple(signals))
    return Judged(Verdict.COMPLIANT, None, tuple(signals))


def _allowed_until(
    signal: Signal[object, object], reading: Reading, limits: object, allowed: Sequence[Allowance]
) -> datetime | None:
    """Return from when on a signal that passes would no longer, as allowances end."""
    ends = {each.until for each in allowed if each.signal == signal.id and each.until}
    for end in sorted(ends):
        left = changed_limits(limits, signal.id, allowed, end)
        if _judged(signal, reading, left).outcome not in GOOD:
            return end
    return None


def _not_reported(signal: Signal[object, object], now: datetime) -> Reading:
    return Reading(signal.id, Status.UNAVAILABLE, NOT_REPORTED, None, (), now)


def _judged(signal: Signal[object, object], reading: Reading, limits: object) -> Judgement:
    try:
        return signal.judge(reading, limits)
    except ContractError:
        # Stored by another version of the server, whose facts were others.
        unknown = dataclasses.replace(
            reading, status=Status.UNAVAILABLE, reason=NOT_UNDERSTOOD, facts=None
        )
        return signal.judge(unknown, limits)


def _standing_of(
    signal: Signal[object, object],
    reading: Reading,
    demanded: SignalPolicy,
    limits: object,
    platform: Platform,
) -> SignalStanding:
    facts = _known_by(reading.facts) if limits is demanded.limits else None
    if facts is not None:
        return _known(signal.id, reading.status, reading.reason, facts, demanded, platform)
    blocking = demanded.severity is Severity.BLOCK
    return _standing(signal, _judged(signal, reading, limits), platform, blocking=blocking)


def _known_by(facts: object) -> bytes | None:
    """Return the JSON of facts that other laptops may report too; None: it is no use to ask."""
    try:
        known = msgspec.json.encode(facts)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return known if len(known) <= MAX_KNOWN_FACTS else None


# News of a laptop is mostly of one signal, and most laptops say the same of most signals. Nothing
# else counts: neither when a reading was taken nor from which sources.
@lru_cache(maxsize=MAX_KNOWN)
def _known(
    signal: str,
    status: Status,
    reason: str,
    facts: bytes,
    demanded: SignalPolicy,
    platform: Platform,
) -> SignalStanding:
    reading = Reading(signal, status, reason, msgspec.json.decode(facts), (), _WHENEVER)
    judgement = _judged(_BY_ID[signal], reading, demanded.limits)
    blocking = demanded.severity is Severity.BLOCK
    return _standing(_BY_ID[signal], judgement, platform, blocking=blocking)


def _standing(
    signal: Signal[object, object], judgement: Judgement, platform: Platform, *, blocking: bool
) -> SignalStanding:
    worst_first = sorted(judgement.findings, key=lambda found: SEVERITY.index(found.outcome))
    reasons = tuple(_reason(signal, found, platform) for found in worst_first[:MAX_REASONS])
    return SignalStanding(signal.id, signal.title, judgement.outcome, reasons, None, blocking)


def _reason(signal: Signal[object, object], found: Finding, platform: Platform) -> Reason:
    remedy = signal.remedy(found, platform)
    if remedy is not None:
        steps = tuple(step[:MAX_TEXT] for step in remedy.steps)
        remedy = dataclasses.replace(remedy, steps=steps)
    return Reason(
        signal.id,
        found.outcome,
        signal.worker_text(found)[:MAX_TEXT],
        signal.admin_text(found)[:MAX_TEXT],
        remedy,
    )
