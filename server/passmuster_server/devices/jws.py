"""Compact JWS (RFC 7515) under a key that is on record: what devices sign."""

from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import digest, from_base64url
from passmuster_collectors.contract.enrolment import PublicKey
from passmuster_collectors.contract.errors import ContractError

ALGORITHM = "ES256"
MAX_HEADER = 512
HEADER_NAMES = frozenset({"alg", "kid", "typ"})
"""A header may not name a key, a certificate or an extension: the key on record is the key."""

_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])
# The library's own bound is below what a laptop may send; the routes bound the body as a whole.
_REGISTRY.max_payload_length = strict_json.MAX_BYTES


class SignatureError(Exception):
    """The signature is not the key's."""


@dataclass(frozen=True)
class Unverified:
    """A compact JWS whose header was read and whose signature was not looked at yet."""

    token: str
    key_id: str

    def digest(self) -> str:
        """Return the SHA-256 of what is signed, in hexadecimal.

        It leaves the signature out: anyone can turn one valid ECDSA signature into another one.
        """
        return digest(self.token.rpartition(".")[0].encode("ascii"))


def read_header(data: bytes, kind: str) -> Unverified:
    """Return the token and the key it claims.

    Raises `ContractError` for what is not a compact JWS of the type `kind`, or has a header that is
    not exactly `alg` ES256, `typ` and `kid`.
    """
    try:
        token = data.decode("ascii")
    except UnicodeDecodeError:
        raise ContractError("", "not a compact JWS") from None
    if token.count(".") != 2:
        raise ContractError("", "not a compact JWS")
    encoded = token.partition(".")[0]
    if len(encoded) > MAX_HEADER:
        raise ContractError("header", f"longer than {MAX_HEADER} characters")
    header = strict_json.parse(from_base64url(encoded, "header"), max_depth=2)
    if not isinstance(header, dict) or set(header) - HEADER_NAMES:
        raise ContractError("header", "may have alg, kid and typ only")
    if header.get("alg") != ALGORITHM:
        raise ContractError("header.alg", f"must be {ALGORITHM}")
    if header.get("typ") != kind:
        raise ContractError("header.typ", f"must be {kind}")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or len(key_id) > 64:
        raise ContractError("header.kid", "must be a text of at most 64 characters")
    return Unverified(token, key_id)


def verified_payload(unverified: Unverified, key: ECKey) -> bytes:
    """Return the payload. Raises `SignatureError`."""
    try:
        found = jws.deserialize_compact(unverified.token, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError) as error:
        raise SignatureError from error
    payload: bytes = found.payload
    return payload


def import_key(public_key: PublicKey) -> ECKey:
    """Return the key to verify with. Raises `ContractError` for a point that is not on P-256."""
    value: dict[str, Any] = codec.encode(public_key)
    try:
        key = ECKey.import_key(value)
        # The point is checked against the curve only when the key is first built.
        key.get_op_key("verify")
    except (JoseError, ValueError) as error:
        raise ContractError("public_key", "not a point on P-256") from error
    return key
