"""What a laptop says of itself at its enrolment, and the proof that it has the key."""

import hmac

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.enrolment import (
    PROOF_TYPE,
    EnrolmentFinish,
    EnrolmentProof,
    EnrolmentStart,
)
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.devices import codes, jws
from passmuster_server.web.problems import RefusalError


def check_names(start: EnrolmentStart) -> None:
    """Refuse names that could not be shown as they are, on IT's page and in its terminal.

    Raises `ContractError`.
    """
    for name in ("computer_name", "system", "agent_version"):
        if not getattr(start, name).isprintable():
            raise ContractError(name, "holds characters that can't be printed")


def check_proof(
    finish: EnrolmentFinish, start: EnrolmentStart, challenge: str, server: str
) -> None:
    """Raise `RefusalError` or `ContractError` unless the key has signed just this enrolment."""
    unverified = jws.read_header(finish.proof.encode("utf-8"), PROOF_TYPE)
    try:
        payload = jws.verified_payload(unverified, jws.import_key(start.public_key))
    except jws.SignatureError:
        raise RefusalError(401, "bad_signature", "The proof is not signed by the key.") from None
    proof = codec.decode(EnrolmentProof, strict_json.parse(payload), "proof")
    expected = EnrolmentProof(
        challenge, start.public_key.thumbprint(), codes.code_hash(finish.code), server
    )
    for name in ("challenge", "thumbprint", "credential", "server"):
        given, wanted = getattr(proof, name), getattr(expected, name)
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise ContractError(f"proof.{name}", "is not what was asked for")
