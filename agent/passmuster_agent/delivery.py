"""How a try to deliver ended, as the reporter tells the daemon and both tell the worker."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.confirmation import BrowserAsking
from passmuster_collectors.contract.declaration import Text, Whole

KEY_UNUSABLE = "key_unusable"
"""The `code` of a try that this laptop's key would not sign: nothing weaker is used instead."""


class DeliveryKind(StrEnum):
    """What the daemon does next."""

    ACCEPTED = "accepted"
    """Everything that waited is with the server."""

    LATER = "later"
    """Try again after a pause; nothing is lost."""

    STOPPED = "stopped"
    """The server does not accept this laptop any more: trying again would not help."""


class Obstacle(StrEnum):
    """What was in the way, in as many words as the pause depends on."""

    NONE = "none"
    NETWORK = "network"
    """No connection: worth trying again as soon as the network changes."""

    SERVER = "server"
    """The server answered and asked for patience."""

    LAPTOP = "laptop"
    """This laptop's disk or keystore."""


@dataclass(frozen=True)
class Delivery:
    """One try. `problem` and `remedy` are for people and empty when all went well.

    `retry_after_s` is what the server asked for, or 0. The last five are what came of an errand:
    the answer to a browser that was waiting, signed; what a number stands for; that it was
    confirmed; why not, for people; that this is the server's own word. Without it the server may
    have done what was asked.
    """

    kind: DeliveryKind
    at: datetime
    uploads: int = 0
    obstacle: Obstacle = Obstacle.NONE
    code: Annotated[str, Text(longest=64)] = ""
    problem: Annotated[str, Text(longest=1024)] = ""
    remedy: str = ""
    retry_after_s: Annotated[int, Whole(least=0, most=86_400)] = 0
    attestation: Annotated[str, Text(longest=4096)] = ""
    asking: BrowserAsking | None = None
    confirmed: bool = False
    refused: str = ""
    by_server: bool = False

    def to_bytes(self) -> bytes:
        """Return it as one line of JSON."""
        return canonical_bytes(codec.encode(self)) + b"\n"


def from_bytes(data: bytes) -> Delivery:
    """Return what `to_bytes` wrote. Raises `ContractError`."""
    return codec.decode(Delivery, strict_json.parse(data, max_bytes=16_384))
