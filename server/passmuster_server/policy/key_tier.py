"""Where a device keeps its key, judged like a signal: the server knows it without a reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import fact
from passmuster_collectors.contract.enrolment import KeyTier
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, Status
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.signal import Finding, ProblemText, Signal, finding
from passmuster_collectors.signals.strictness import Stricter, is_as_strict

TIERS: Mapping[str, str] = {
    KeyTier.ATTESTED: "in hardware, attested",
    KeyTier.HARDWARE: "in hardware",
    KeyTier.SEALED: "sealed by the system",
    KeyTier.KEYRING: "in the system's keyring",
    KeyTier.FILE: "in a file",
}
"""How people read a tier, the strongest first."""


class Problem(StrEnum):
    """What can be wrong with the place of a key."""

    TOO_WEAK = "too_weak"


@dataclass(frozen=True)
class KeyTierFacts:
    """The tier that the agent told when the key was enrolled or rotated."""

    tier: KeyTier = fact("A key that can be copied proves less than one that can't.")


@dataclass(frozen=True)
class KeyTierLimits:
    """`minimum` is the weakest place that will do; `file` takes any."""

    minimum: Annotated[KeyTier, Stricter.EARLIER] = KeyTier.FILE


ANY_TIER = KeyTierLimits()
"""Demands nothing, so there is nothing to judge."""


def judge(facts: KeyTierFacts, limits: KeyTierLimits) -> tuple[Finding, ...]:
    """Return that the key is kept in too weak a place, or nothing."""
    if is_as_strict(Stricter.EARLIER, limits.minimum, facts.tier):
        return ()
    return (
        finding(
            Problem.TOO_WEAK,
            kept=TIERS[facts.tier],
            wanted=TIERS[limits.minimum],
            tier=facts.tier,
            minimum=limits.minimum,
        ),
    )


def reading_of(tier: KeyTier, now: datetime) -> Reading:
    """Return what the server's own record says."""
    facts = codec.encode(KeyTierFacts(tier))
    source = Source("the record of the device's key", SourceOutcome.READ)
    return Reading(KEY_TIER.id, Status.OK, "", facts, (source,), now)


_MOVE = Remedy(
    (
        "Ask IT before you begin: not every laptop can keep its key there.",
        "Run: passmuster-agent rotate-key --tier {minimum}",
    )
)

KEY_TIER: Signal[KeyTierFacts, KeyTierLimits] = Signal(
    id="key_tier",
    title="Place of the key",
    why="A laptop proves itself by a key. One that can be copied proves less.",
    facts=KeyTierFacts,
    limits=KeyTierLimits,
    rule=judge,
    problems={
        Problem.TOO_WEAK: ProblemText(
            "The key by which this laptop proves itself is kept {kept}. It has to be kept {wanted}"
            " or in a stronger place.",
            "its key's tier is {tier}; policy asks for {minimum} or stronger",
            dict.fromkeys(Platform, _MOVE),
        )
    },
    readers=dict.fromkeys(Platform),
    triggers=frozenset(),
)
"""Not in the catalog: no agent reads or reports it."""
