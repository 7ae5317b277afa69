"""How a device's key gives way to a new one: signed by the old key and by the new one.

The agent sends a JWS by the old key over `KeyRotation`, which holds a JWS by the new key over
`NewKeyProof`, and gets `KeyRotated`. A rotation is the next of the device's signed messages, like
a report: it carries their sequence number and the server's nonce, so it counts once and in order.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from passmuster_collectors.contract.declaration import Text, Whole
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey

VERSION = 1
ROTATION_TYPE = "passmuster-rotation+jws"
"""The `typ` header of what the old key signs; its `kid` is the device."""

PROOF_TYPE = "passmuster-new-key+jws"
"""The `typ` header of what the new key signs; its `kid` is the new key's thumbprint."""


@dataclass(frozen=True)
class NewKeyProof:
    """What the new key signs: whose it wants to be, in place of which key, and at which moment.

    `replaces` is the thumbprint of the old key; `nonce` is the server's, as in `KeyRotation`.
    """

    device: Annotated[str, Text(longest=64)]
    server: Annotated[str, Text(longest=64)]
    thumbprint: Annotated[str, Text(longest=64)]
    replaces: Annotated[str, Text(longest=64)]
    tier: KeyTier
    nonce: Annotated[str, Text(longest=64)]


@dataclass(frozen=True)
class KeyRotation:
    """What the old key signs. `audience` is the server's id; `proof` a compact JWS."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    audience: Annotated[str, Text(longest=64)]
    method: Annotated[str, Text(longest=8)]
    url: Annotated[str, Text(longest=2048)]
    sequence: Annotated[int, Whole(least=1, most=2**53 - 1)]
    nonce: Annotated[str, Text(longest=64)]
    sent_at: datetime
    public_key: PublicKey
    tier: KeyTier
    proof: Annotated[str, Text(longest=4096)]


@dataclass(frozen=True)
class KeyRotated:
    """The server's answer: which key counts from now on, and the nonce for the next message."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    device: Annotated[str, Text(longest=64)]
    thumbprint: Annotated[str, Text(longest=64)]
    nonce: Annotated[str, Text(longest=64)]
