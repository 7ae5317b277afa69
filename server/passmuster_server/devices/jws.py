"""Compact JWS (RFC 7515) under a key that is on record: what devices sign."""

from dataclasses import dataclass
from functools import lru_cache
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

_ES256 = jws.JWSRegistry(algorithms=[ALGORITHM]).get_alg(ALGORITHM)


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
    return Unverified(token, _key_id(encoded, kind))


# A laptop's header is the same in every report.
@lru_cache(maxsize=16_384)
def _key_id(encoded: str, kind: str) -> str:
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
    return key_id


def verified_payload(unverified: Unverified, key: ECKey) -> bytes:
    """Return the payload.

    Raises `SignatureError`, and `ContractError` for what is not base64url. The algorithm is the
    key's own; nothing in the token has a say in it.
    """
    signed, _, signature = unverified.token.rpartition(".")
    if not _ES256.verify(signed.encode("ascii"), from_base64url(signature, "signature"), key):
        raise SignatureError
    return from_base64url(signed.partition(".")[2], "payload")


def import_key(public_key: PublicKey) -> ECKey:
    """Return the key to verify with. Raises `ContractError` for a point that is not on P-256."""
    value: dict[str, Any] = codec.encode(public_key)
    try:
        key = ECKey.import_key(value)
        # The point is checked against the curve only when the key is first built.
        key.get_op_key("verify")
        _ES256.check_key(key)
    except (JoseError, ValueError) as error:
        raise ContractError("public_key", "not a point on P-256") from error
    return key
