"""What an allow is worth in the words of `acr` and `amr`."""

import pytest

from passmuster_server.gate.decision import Proof
from passmuster_server.gate.oidc.postures import (
    COMPLIANT,
    GRACE,
    UnmetError,
    Wanted,
    context_class,
    methods,
    needs_device,
)

ENTRA = Wanted(("possessionorinherence",), essential=True)
NOTHING = Wanted()


@pytest.mark.parametrize(
    ("wanted", "in_grace", "proof", "expected"),
    [
        (NOTHING, False, Proof.PERSON, COMPLIANT),
        (NOTHING, True, Proof.PERSON, GRACE),
        (Wanted((GRACE,), essential=True), False, Proof.PERSON, GRACE),
        (Wanted((COMPLIANT, GRACE)), True, Proof.LOOPBACK, GRACE),
        (Wanted(("urn:example:gold",)), False, Proof.LOOPBACK, COMPLIANT),
        (ENTRA, False, Proof.LOOPBACK, "possessionorinherence"),
        (ENTRA, True, Proof.LOOPBACK, "possessionorinherence"),
        (Wanted((), essential=True), False, Proof.PERSON, COMPLIANT),
    ],
)
def test_the_class_is_what_was_asked_for_where_it_is_true(
    wanted: Wanted, proof: Proof, expected: str, *, in_grace: bool
) -> None:
    assert context_class(wanted, in_grace=in_grace, proof=proof) == expected


@pytest.mark.parametrize(
    ("wanted", "in_grace", "proof"),
    [
        (Wanted((COMPLIANT,), essential=True), True, Proof.LOOPBACK),
        (Wanted(("urn:example:gold",), essential=True), False, Proof.LOOPBACK),
        (ENTRA, False, Proof.PERSON),
        (ENTRA, False, Proof.CALLER),
    ],
)
def test_what_is_essential_and_untrue_is_not_said(
    wanted: Wanted, proof: Proof, *, in_grace: bool
) -> None:
    with pytest.raises(UnmetError):
        context_class(wanted, in_grace=in_grace, proof=proof)


@pytest.mark.parametrize(
    ("tier", "wanted", "expected"),
    [
        ("attested", NOTHING, ["hwk"]),
        ("hardware", NOTHING, ["hwk"]),
        ("sealed", NOTHING, ["swk"]),
        ("file", NOTHING, ["swk"]),
        ("hardware", Wanted(("face", "pop", "hwk"), essential=True), ["hwk"]),
        ("file", Wanted(("face", "pop"), essential=True), ["pop"]),
        ("file", Wanted(("face",)), ["swk"]),
    ],
)
def test_one_method_is_named_the_one_that_says_most(
    tier: str, wanted: Wanted, expected: list[str]
) -> None:
    assert methods(wanted, proof=Proof.LOOPBACK, tier=tier) == expected


def test_no_method_is_named_where_nothing_was_proven() -> None:
    assert methods(NOTHING, proof=Proof.PERSON, tier="") == []
    with pytest.raises(UnmetError):
        methods(Wanted(("hwk",), essential=True), proof=Proof.PERSON, tier="")
    with pytest.raises(UnmetError):
        methods(Wanted(("hwk",), essential=True), proof=Proof.LOOPBACK, tier="file")


def test_a_proof_is_asked_for_where_nothing_less_will_do() -> None:
    assert needs_device(ENTRA, NOTHING)
    assert needs_device(NOTHING, Wanted(("hwk",), essential=True))
    assert not needs_device(NOTHING, NOTHING)
    assert not needs_device(Wanted(("possession", COMPLIANT), essential=True), NOTHING)
    assert not needs_device(Wanted(("possession",)), Wanted(("hwk",)))
