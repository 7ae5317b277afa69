"""Strangers may not connect."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.firewall.facts import FirewallFacts, Inbound
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter


class Problem(StrEnum):
    """What can be wrong with a firewall."""

    OPEN = "open"
    UNCLEAR = "unclear"
    UNREADABLE = UNREADABLE_KEY


@dataclass(frozen=True)
class FirewallLimits:
    """`ignore_ipv6` is for networks in which nobody can reach a laptop by it."""

    ignore_ipv6: Annotated[bool, Stricter.NO] = False


def judge(facts: FirewallFacts, limits: FirewallLimits) -> tuple[Finding, ...]:
    """Return whether strangers may connect, and by what."""
    found = {"IPv4": facts.ipv4}
    if not limits.ignore_ipv6:
        found["IPv6"] = facts.ipv6
    open_by = [name for name, inbound in found.items() if inbound is Inbound.OPEN]
    unclear = [name for name, inbound in found.items() if inbound is Inbound.UNKNOWN]
    if open_by:
        return (finding(Problem.OPEN, protocols=" and ".join(open_by)),)
    if unclear:
        return (finding(Problem.UNCLEAR, Outcome.UNKNOWN, protocols=" and ".join(unclear)),)
    return ()
