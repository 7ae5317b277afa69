"""The ceremony by which a laptop's key becomes a device of the organisation.

The agent sends `EnrolmentStart`, gets `EnrolmentChallenge`, sends `EnrolmentFinish` with a JWS over
`EnrolmentProof`, and gets `Enrolled`. Without a code it sends `ApprovalStart` in between, and
finishes by the code in `ApprovalStarted`, again and again until somebody has approved.
"""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from passmuster_collectors.contract.canonical import base64url, canonical_bytes
from passmuster_collectors.contract.declaration import Text, Whole
from passmuster_collectors.contract.platform import Platform

VERSION = 1
PROOF_TYPE = "passmuster-enrolment+jws"
"""The `typ` header of the signed proof."""


class KeyTier(StrEnum):
    """Where a device keeps its private key, from strongest to weakest."""

    ATTESTED = "attested"
    HARDWARE = "hardware"
    SEALED = "sealed"
    KEYRING = "keyring"
    FILE = "file"


Coordinate = Annotated[str, Text(longest=43)]


@dataclass(frozen=True)
class PublicKey:
    """A P-256 public key as a JSON Web Key (RFC 7517, RFC 7518 section 6.2.1)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate

    def thumbprint(self) -> str:
        """Return the SHA-256 thumbprint (RFC 7638) in base64url."""
        members = {"crv": self.crv, "kty": self.kty, "x": self.x, "y": self.y}
        return base64url(hashlib.sha256(canonical_bytes(members)).digest())

    def fingerprint(self) -> str:
        """Return the short form that the worker's and IT's screens both show: `ABCD-EFGH-JKLM`."""
        raw = hashlib.sha256(self.thumbprint().encode("ascii")).digest()[:8]
        text = base64.b32encode(raw).decode("ascii")[:12]
        return f"{text[:4]}-{text[4:8]}-{text[8:]}"


@dataclass(frozen=True)
class EnrolmentStart:
    """First message: the key and the least that lets IT recognise the laptop."""

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    public_key: PublicKey
    tier: KeyTier
    platform: Platform
    computer_name: Annotated[str, Text(longest=128)]
    system: Annotated[str, Text(longest=128)]
    agent_version: Annotated[str, Text(longest=32)]


@dataclass(frozen=True)
class EnrolmentChallenge:
    """The server's answer to `EnrolmentStart`."""

    enrolment: Annotated[str, Text(longest=64)]
    challenge: Annotated[str, Text(longest=64)]
    server: Annotated[str, Text(longest=64)]


@dataclass(frozen=True)
class EnrolmentProof:
    """What the new key signs: it binds challenge, key, credential and server to one another.

    `credential` is the SHA-256 of the normalised code, in hexadecimal.
    """

    challenge: Annotated[str, Text(longest=64)]
    thumbprint: Annotated[str, Text(longest=64)]
    credential: Annotated[str, Text(longest=64)]
    server: Annotated[str, Text(longest=64)]


@dataclass(frozen=True)
class EnrolmentFinish:
    """Second message: the code, or a deployment secret with its laptop's owner, and the proof.

    `owner` is an e-mail address; who knows of none leaves it out.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    enrolment: Annotated[str, Text(longest=64)]
    code: Annotated[str, Text(longest=64)]
    proof: Annotated[str, Text(longest=4096)]
    owner: Annotated[str, Text(longest=254)] | None = None


@dataclass(frozen=True)
class ApprovalStart:
    """Asks that a person approve the laptop of a challenge after signing in (RFC 8628, 3.1).

    `owner` is the e-mail address of the only person who may; who knows of none leaves it out.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    enrolment: Annotated[str, Text(longest=64)]
    owner: Annotated[str, Text(longest=254)] | None = None


@dataclass(frozen=True)
class ApprovalStarted:
    """What to show the person, and the code to finish by once they have approved (3.2).

    Until then finishing is refused with `authorization_pending`, or `slow_down`: from then on the
    interval is five seconds longer (3.5).
    """

    code: Annotated[str, Text(longest=64)]
    user_code: Annotated[str, Text(longest=16)]
    url: Annotated[str, Text(longest=512)]
    expires_in_s: Annotated[int, Whole(least=60, most=1800)]
    interval_s: Annotated[int, Whole(least=1, most=60)]


@dataclass(frozen=True)
class Enrolled:
    """The laptop is a device now.

    `hash_key` (base64url, 32 bytes) keys the hashes of SSIDs and serials: one key for the whole
    organisation, so that IT can name a trusted network. `waits` is there, and true, where the
    laptop waits for IT's approval, which it does only where its owner was named.
    """

    device: Annotated[str, Text(longest=64)]
    owner: Annotated[str, Text(longest=254)]
    server: Annotated[str, Text(longest=64)]
    nonce: Annotated[str, Text(longest=64)]
    hash_key: Annotated[str, Text(longest=64)]
    report_within_s: Annotated[int, Whole(least=5, most=86_400)]
    waits: bool = False
