"""What a decision is worth in the words of `acr` and `amr`, and which of them were asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from passmuster_server.gate.decision import Proof

COMPLIANT = "urn:passmuster:posture:compliant"
GRACE = "urn:passmuster:posture:grace"

POSSESSION = (
    "possessionorinherence",
    "knowledgeorpossession",
    "knowledgeorpossessionorinherence",
    "possession",
)
"""What Entra ID's external MFA calls a factor that is a thing: the laptop with its key."""

ACR_VALUES = (COMPLIANT, GRACE, *POSSESSION)

DEVICE_PROOFS = frozenset({Proof.LOOPBACK, Proof.NUMBER})
"""By these the device's own key has signed the browser's challenge."""

HARDWARE_TIERS = frozenset({"attested", "hardware"})


@dataclass(frozen=True)
class Wanted:
    """The values of one claim that were asked for, the best first; `essential` ones have to be."""

    values: tuple[str, ...] = ()
    essential: bool = False


class UnmetError(Exception):
    """What the relying party calls essential is not the case (section 5.5.1.1)."""


def needs_device(acr: Wanted, amr: Wanted) -> bool:
    """Whether what was asked for can be said of a proven device alone."""
    wants_possession = acr.essential and bool(acr.values) and set(acr.values) <= set(POSSESSION)
    return wants_possession or amr.essential


def context_class(wanted: Wanted, *, in_grace: bool, proof: Proof) -> str:
    """Return the `acr`: the first that was asked for and is true, else the posture itself.

    Raises `UnmetError`.
    """
    true = [GRACE] if in_grace else [COMPLIANT, GRACE]
    if proof in DEVICE_PROOFS:
        true += POSSESSION
    return _chosen((value for value in wanted.values if value in true), wanted, true)


def methods(wanted: Wanted, *, proof: Proof, tier: str) -> list[str]:
    """Return the `amr` (RFC 8176), one value alone, or nothing where no device was proven.

    Raises `UnmetError`.
    """
    if proof not in DEVICE_PROOFS:
        if wanted.essential:
            raise UnmetError("amr")
        return []
    # Which key it was says more than that there was one.
    true = ["hwk" if tier in HARDWARE_TIERS else "swk", "pop"]
    return [_chosen((value for value in true if value in wanted.values), wanted, true)]


def _chosen(matching: Iterator[str], wanted: Wanted, true: Sequence[str]) -> str:
    found = next(matching, None)
    if found is None and wanted.essential and wanted.values:
        raise UnmetError(", ".join(wanted.values))
    return found or true[0]
