"""What a reporter does besides, once all is delivered: things that somebody sits and waits for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.attestation import Summons
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.confirmation import DIGITS
from passmuster_collectors.contract.declaration import Text

MAX_BYTES = 512
"""Less than any pipe holds."""


@dataclass(frozen=True)
class LookUp:
    """Ask the server what a number stands for."""

    number: Annotated[str, Text(longest=DIGITS)]


@dataclass(frozen=True)
class Confirm:
    """Sign that the browser of a number is at this laptop, as the server named it."""

    number: Annotated[str, Text(longest=DIGITS)]
    challenge: Annotated[str, Text(longest=64)]
    session: Annotated[str, Text(longest=64)]


Errand = Summons | LookUp | Confirm
"""A `Summons` is a browser's that came to the companion: its answer is signed."""

KINDS: Mapping[str, type[Any]] = {"attest": Summons, "look-up": LookUp, "confirm": Confirm}
_NAMES = {kind: name for name, kind in KINDS.items()}


def name_of(errand: Errand) -> str:
    """Return the word for it on the reporter's command line."""
    return _NAMES[type(errand)]


def to_bytes(errand: Errand) -> bytes:
    """Return what the reporter reads on standard input."""
    return canonical_bytes(codec.encode(errand))


def from_bytes(name: str, data: bytes) -> Errand:
    """Return the errand of that name. Raises `ContractError`."""
    errand: Errand = codec.decode(KINDS[name], strict_json.parse(data, max_bytes=MAX_BYTES))
    return errand
