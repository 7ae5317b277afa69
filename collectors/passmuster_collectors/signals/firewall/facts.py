"""What is collected about who may connect to the laptop."""

from dataclasses import dataclass
from enum import StrEnum

from passmuster_collectors.contract.declaration import fact


class Inbound(StrEnum):
    """What becomes of a stranger's connection that no exception names.

    `absent`: the laptop does not speak this protocol at all.
    """

    BLOCKED = "blocked"
    OPEN = "open"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FirewallFacts:
    """The answer for each protocol. Which ports and addresses are let in is never told."""

    ipv4: Inbound = fact("The answer itself: may anybody on the same network connect?")
    ipv6: Inbound = fact("The same by the newer protocol, which has rules of its own.")
