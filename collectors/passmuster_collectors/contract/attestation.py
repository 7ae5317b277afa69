"""How a laptop proves that a browser is on it: what the browser carries, and what the key signs.

The server sends the browser to the companion, at `http://127.0.0.1:PORT/attest?c=...` for one of
`PORTS`. The text in `c` bears a code under the organisation's key, so that an agent is deaf to
everybody else. The agent reports, signs an `Attestation` and sends the browser back to its own
server's `RETURN_PATH`, with the compact JWS in `a`.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from passmuster_collectors.contract.canonical import base64url
from passmuster_collectors.contract.declaration import Text, Whole
from passmuster_collectors.contract.errors import ContractError

VERSION = 1
ATTESTATION_TYPE = "passmuster-attestation+jws"
"""The `typ` header of what is signed; its `kid` is the device."""

PORTS = (28_463, 28_464, 28_465, 28_466)
"""Where companions listen: below the ports that systems hand out by themselves, one each."""

PATH = "/attest"
RETURN_PATH = "/proof/return"
MAX_SUMMONS = 256
_PARTS = 3


@dataclass(frozen=True)
class Attestation:
    """What the device's key signs.

    `audience` is the server's id, `origin` the URL that the agent knows it by, `session` names the
    browser session. `sequence` is that of a report which the server took in after the question was
    put.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    audience: Annotated[str, Text(longest=64)]
    origin: Annotated[str, Text(longest=2048)]
    challenge: Annotated[str, Text(longest=64)]
    session: Annotated[str, Text(longest=64)]
    sequence: Annotated[int, Whole(least=1, most=2**53 - 1)]
    signed_at: datetime


@dataclass(frozen=True)
class Summons:
    """What the browser carries to the laptop: the challenge, and the browser session it is for."""

    challenge: Annotated[str, Text(longest=64)]
    session: Annotated[str, Text(longest=64)]

    def text(self, organisation_key: bytes) -> str:
        """Return it with its code. The key is the organisation's, which every agent has."""
        body = f"{self.challenge}.{self.session}"
        return f"{body}.{_code(body, organisation_key)}"


def read_summons(text: str, organisation_key: bytes) -> Summons:
    """Return what `Summons.text` wrote. Raises `ContractError` for everything else."""
    if len(text) > MAX_SUMMONS or not text.isascii() or text.count(".") != _PARTS - 1:
        raise ContractError("c", "not a summons")
    body, _, code = text.rpartition(".")
    if not hmac.compare_digest(code, _code(body, organisation_key)):
        raise ContractError("c", "not this organisation's")
    challenge, _, session = body.partition(".")
    return Summons(challenge, session)


def _code(body: str, organisation_key: bytes) -> str:
    message = b"passmuster summons\0" + body.encode("ascii")
    return base64url(hmac.new(organisation_key, message, hashlib.sha256).digest())
