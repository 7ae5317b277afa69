"""What the daemon and a companion say to each other: one JSON object in one packet.

The daemon begins, with `Welcome` or `Goodbye`. It asks (`Ask`), the companion answers (`Said`); of
its own it says only that something `Changed`, and that a browser asks on which laptop it is
(`Attest`, answered by `Attested`). A `Notice` tells what the server concluded, and `Silenced` that
this laptop can't report any more.

At another door a person confirms a browser: `Typed` is answered by `Browser`, `Agreed` by `LetIn`,
either by `Refused` where the server said no and by `Goodbye` where it is not known to have said so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.attestation import MAX_SUMMONS
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.confirmation import DIGITS
from passmuster_collectors.contract.declaration import Items, Text, Whole
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.contract.verdict import Outcome, Remedy, Verdict

VERSION = 2
MAX_BYTES = 65_536
MAX_URL = 8_192
MAX_REASON = 512
"""A sentence that is cut is no language's any more."""


@dataclass(frozen=True)
class Changed:
    """Something in the session may have changed: ask again."""


@dataclass(frozen=True)
class Said:
    """The answer to the question of that number; without a testimony `refusal` says why."""

    number: int
    testimony: Mapping[str, Any] | None
    refusal: SourceOutcome | None = None


@dataclass(frozen=True)
class Attest:
    """A browser of this user's asks on which laptop it is; the companion counts its questions."""

    number: int
    summons: Annotated[str, Text(longest=MAX_SUMMONS)]


@dataclass(frozen=True)
class Attested:
    """Where to send the browser of that number, or None: refuse it."""

    number: int
    url: Annotated[str, Text(longest=MAX_URL)] | None


@dataclass(frozen=True)
class Welcome:
    """The daemon's first word: the version of these messages that it speaks."""

    version: Annotated[int, Whole(least=1, most=1_000)]


@dataclass(frozen=True)
class Ask:
    """The question what this session says of a signal."""

    number: int
    signal: Annotated[str, Text(longest=64)]


@dataclass(frozen=True)
class Wrong:
    """One signal that keeps this laptop from being in order, in a worker's words."""

    signal: Annotated[str, Text(longest=64)]
    title: str
    outcome: Outcome
    reasons: Annotated[tuple[str, ...], Items(most=4)]
    remedies: Annotated[tuple[Remedy, ...], Items(most=4)]


@dataclass(frozen=True)
class Notice:
    """What the server concludes of this laptop now, and what is wrong with it."""

    verdict: Verdict
    grace_until: datetime | None
    wrong: Annotated[tuple[Wrong, ...], Items(most=16)]


@dataclass(frozen=True)
class Silenced:
    """This laptop can't report any more until somebody does something, in a worker's words."""

    problem: Annotated[str, Text(longest=1024)]
    remedy: str


@dataclass(frozen=True)
class Goodbye:
    """The daemon won't listen; `for_good` where trying again is of no use."""

    reason: Annotated[str, Text(longest=MAX_REASON)]
    for_good: bool


@dataclass(frozen=True)
class Typed:
    """The number that a browser shows, as its digits."""

    number: Annotated[str, Text(longest=DIGITS)]


@dataclass(frozen=True)
class Browser:
    """What the number stands for, to be agreed to; the fields are those of `BrowserAsking`."""

    application: Annotated[str, Text(longest=128)]
    person: Annotated[str, Text(longest=254)]
    address: Annotated[str, Text(longest=64)]
    same_address: bool | None
    age_s: int


@dataclass(frozen=True)
class Agreed:
    """It is they who sit at that browser."""


@dataclass(frozen=True)
class LetIn:
    """The server took the confirmation: the browser goes on."""


@dataclass(frozen=True)
class Refused:
    """The server said no, in words for a person: nothing was confirmed."""

    reason: Annotated[str, Text(longest=MAX_REASON)]


FROM_COMPANION: Mapping[str, type[Any]] = {"changed": Changed, "said": Said, "attest": Attest}
FROM_DAEMON: Mapping[str, type[Any]] = {
    "welcome": Welcome,
    "ask": Ask,
    "notice": Notice,
    "silenced": Silenced,
    "attested": Attested,
    "goodbye": Goodbye,
}
FROM_PERSON: Mapping[str, type[Any]] = {"typed": Typed, "agreed": Agreed}
TO_PERSON: Mapping[str, type[Any]] = {
    "browser": Browser,
    "let_in": LetIn,
    "refused": Refused,
    "goodbye": Goodbye,
}
KINDS = {
    kind: name
    for known in (FROM_COMPANION, FROM_DAEMON, FROM_PERSON, TO_PERSON)
    for name, kind in known.items()
}


def to_bytes(message: Any) -> bytes:
    """Return the packet of a message."""
    return canonical_bytes({"kind": KINDS[type(message)], **codec.encode(message)})


def from_bytes(data: bytes, known: Mapping[str, type[Any]]) -> Any:
    """Return the message in a packet, one of the `known`.

    Raises `ContractError` naming the first field that does not fit.
    """
    value = strict_json.parse(data, max_bytes=MAX_BYTES)
    kind = value.pop("kind", None) if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in known:
        raise ContractError("kind", f"expected one of: {', '.join(known)}")
    return codec.decode(known[kind], value)
