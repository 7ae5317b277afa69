"""A packet filter's chains, and what becomes of one packet in them.

The packet is a stranger's first one (TCP SYN) to a port that no rule names. Whether a rule applies
to it is true, false or not known; where it is not known, both ways are followed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.firewall.facts import Inbound

DEEPEST = 32
"""The kernel follows 16 jumps (nf_tables.h, NFT_JUMP_STACK_SIZE)."""


class End(Enum):
    """What a rule does with the packet, or how its way through a chain ends."""

    ACCEPT = auto()
    DROP = auto()
    RETURN = auto()
    CONTINUE = auto()


ANYTHING = frozenset({End.ACCEPT, End.DROP, End.CONTINUE})
"""What a rule may do that is not understood."""


@dataclass(frozen=True)
class Packet:
    """`family` is 4 or 6; `interface` where it arrives, empty where that is not known."""

    family: int
    interface: str


@dataclass(frozen=True)
class Rule:
    """A rule, as far as it concerns one packet. `target` is the chain of a jump or goto."""

    applies: bool | None
    ends: frozenset[End]
    target: str = ""
    comes_back: bool = False


@dataclass(frozen=True)
class Chain:
    """A chain; `policy` is what happens at the end of one that the kernel calls by itself."""

    rules: Sequence[Rule]
    policy: End | None = None


def all_of(conditions: Sequence[bool | None]) -> bool | None:
    """Return whether all conditions hold."""
    if False in conditions:
        return False
    return None if None in conditions else True


def inbound(chains: Mapping[str, Chain]) -> Inbound:
    """Return what the chains do with the packet; one that surely drops it is enough.

    Raises `SourceConflictError` for chains that the kernel would not take.
    """
    found = [
        _with_policy(_walk(name, chains, 0), chain.policy)
        for name, chain in chains.items()
        if chain.policy is not None
    ]
    if any(ends == {End.DROP} for ends in found):
        return Inbound.BLOCKED
    return Inbound.OPEN if all(ends == {End.ACCEPT} for ends in found) else Inbound.UNKNOWN


def strictest(answers: Sequence[Inbound]) -> Inbound:
    """Return what holds where a packet has to pass all of several filters."""
    for answer in (Inbound.BLOCKED, Inbound.UNKNOWN):
        if answer in answers:
            return answer
    return Inbound.OPEN


def _with_policy(ends: frozenset[End], policy: End) -> frozenset[End]:
    return frozenset(policy if end is End.RETURN else end for end in ends)


def _walk(name: str, chains: Mapping[str, Chain], depth: int) -> frozenset[End]:
    if name not in chains or depth > DEEPEST:
        raise SourceConflictError("firewall", "a jump to nowhere, or in circles")
    possible: set[End] = set()
    for rule in chains[name].rules:
        if rule.applies is False:
            continue
        ends = frozenset(_ends(rule, chains, depth))
        possible |= ends - {End.CONTINUE}
        if rule.applies and End.CONTINUE not in ends:
            return frozenset(possible)
    return frozenset(possible | {End.RETURN})


def _ends(rule: Rule, chains: Mapping[str, Chain], depth: int) -> Iterator[End]:
    yield from rule.ends
    if rule.target:
        for end in _walk(rule.target, chains, depth + 1):
            # A jump goes on behind its rule, a goto behind the rule that led to its chain.
            yield End.CONTINUE if end is End.RETURN and rule.comes_back else end
