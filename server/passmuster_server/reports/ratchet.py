"""Which upload may come next. Pure: a device's ratchet and an upload in, a step out.

Every answer hands out a nonce, and the next upload has to carry it together with the next sequence
number. So two machines that hold one key can't both go on: the second one breaks the chain.
"""

from enum import StrEnum

from passmuster_server.devices.ratchets import Ratchet

REMEMBERED = 64
SHORT = 16
"""Hexadecimal digits kept of each remembered digest: 64 bits, against an accidental match."""
_LONGEST = REMEMBERED * (SHORT + 1) - 1
"""Letters of as many, with a space between them."""


class Step(StrEnum):
    """What an upload is."""

    NEXT = "next"
    AGAIN = "again"
    """The last one: its answer was lost, so it is given again."""
    REPLAYED = "replayed"
    """An older one: whoever sends it again needs no key, so it is no sign of a second holder."""
    CONFLICT = "conflict"
    """Signed by the key, but not what comes next: two machines hold it, or one went back."""


def step_of(ratchet: Ratchet, sequence: int, nonce: str, digest: str) -> Step:
    """Return what the upload is. `digest` is the SHA-256 of what its signature is over."""
    if sequence == ratchet.sequence + 1 and nonce == ratchet.nonce:
        return Step.NEXT
    same = digest == ratchet.digest
    if same and sequence == ratchet.sequence and nonce == ratchet.previous_nonce:
        return Step.AGAIN
    if digest[:SHORT] in ratchet.recent:
        return Step.REPLAYED
    return Step.CONFLICT


def moved_on(
    ratchet: Ratchet,
    *,
    sequence: int,
    carried: str,
    digest: str,
    nonce: str,
    answer: bytes,
    record_sequence: int,
    record_hash: str,
) -> Ratchet:
    """Return the ratchet after the upload `sequence`, whose `answer` has the new `nonce` in it.

    It is the next one, or after a restore a later one; it `carried` the nonce of the answer before.
    """
    return Ratchet(
        sequence=sequence,
        nonce=nonce,
        previous_nonce=carried,
        digest=digest,
        answer=answer,
        record_sequence=record_sequence,
        record_hash=record_hash,
        recent=f"{ratchet.recent} {digest[:SHORT]}".lstrip()[-_LONGEST:],
    )
