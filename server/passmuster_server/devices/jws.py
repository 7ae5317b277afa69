"""Compact JWS (RFC 7515) under a key that is on record: what devices sign."""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import TO_STANDARD, from_base64url
from passmuster_collectors.contract.enrolment import PublicKey
from passmuster_collectors.contract.errors import ContractError

ALGORITHM = "ES256"
MAX_HEADER = 512
HEADER_NAMES = frozenset({"alg", "kid", "typ"})
"""A header may not name a key, a certificate or an extension: the key on record is the key."""

NUMBER_BYTES = 32
"""Of each of the two numbers that an ES256 signature is (RFC 7518, section 3.4)."""

_ES256 = jws.JWSRegistry(algorithms=[ALGORITHM]).get_alg(ALGORITHM)
_OVER_A_HASH = ECDSA(Prehashed(SHA256()))


class SignatureError(Exception):
    """The signature is not the key's."""


@dataclass(frozen=True)
class Unverified:
    """A compact JWS whose header was read and whose signature was not looked at yet.

    `signed` is the signing input of RFC 7515: header and payload as they came, a dot between.
    """

    signed: bytes
    signature: str
    key_id: str

    @cached_property
    def signed_hash(self) -> bytes:
        """The SHA-256 of what is signed."""
        return hashlib.sha256(self.signed).digest()

    def digest(self) -> str:
        """Return the SHA-256 of what is signed, in hexadecimal.

        It leaves the signature out: anyone can turn one valid ECDSA signature into another one.
        """
        return self.signed_hash.hex()


def read_header(data: bytes, kind: str) -> Unverified:
    """Return the message and the key it claims.

    Raises `ContractError` for what is not a compact JWS of the type `kind`, or has a header that is
    not exactly `alg` ES256, `typ` and `kid`.
    """
    signed, _, signature = data.rpartition(b".")
    header, dot, payload = signed.partition(b".")
    if not dot or b"." in payload or not data.isascii():
        raise ContractError("", "not a compact JWS")
    if len(header) > MAX_HEADER:
        raise ContractError("header", f"longer than {MAX_HEADER} characters")
    return Unverified(signed, signature.decode("ascii"), _key_id(header.decode("ascii"), kind))


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
    signature = from_base64url(unverified.signature, "signature")
    if not _is_signature(signature, unverified.signed_hash, key):
        raise SignatureError
    return _payload(unverified.signed.partition(b".")[2])


def _is_signature(signature: bytes, signed_hash: bytes, key: ECKey) -> bool:
    """Tell what joserfc's ES256 tells; a hash that is there already is not made once more."""
    if len(signature) != 2 * NUMBER_BYTES:
        return False
    r = int.from_bytes(signature[:NUMBER_BYTES], "big")
    s = int.from_bytes(signature[NUMBER_BYTES:], "big")
    try:
        key.public_key.verify(encode_dss_signature(r, s), signed_hash, _OVER_A_HASH)
    except InvalidSignature:
        return False
    return True


def _payload(encoded: bytes) -> bytes:
    """Return what the contract's `from_base64url` returns, several times as fast."""
    whole = len(encoded) // 4 * 4
    try:
        begin = msgspec.convert(encoded[:whole].translate(TO_STANDARD).decode("ascii"), bytes)
    except msgspec.ValidationError:
        return from_base64url(encoded.decode("ascii"), "payload")
    # Only letters that are no whole group may leave bits unsaid, which msgspec lets pass.
    return begin + from_base64url(encoded[whole:].decode("ascii"), "payload")


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
