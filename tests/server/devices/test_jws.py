"""What a device has signed: verified as the library does it, read as the contract does it."""

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as some
from joserfc import jws as library
from joserfc.jwk import ECKey

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import base64url, from_base64url
from passmuster_collectors.contract.enrolment import PublicKey
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.devices import jws

TYPE = "example+jws"
HEADER = base64url(b'{"alg":"ES256","kid":"laptop","typ":"example+jws"}')
PAYLOAD = b'{"name":"value"}'
SIGNED = f"{HEADER}.{base64url(PAYLOAD)}"

ES256 = library.JWSRegistry(algorithms=["ES256"]).get_alg("ES256")
KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
SIGNATURE = ES256.sign(SIGNED.encode(), KEY)
R, S = int.from_bytes(SIGNATURE[:32], "big"), int.from_bytes(SIGNATURE[32:], "big")
ORDER = SECP256R1.group_order


PUBLIC = ("kty", "crv", "x", "y")


def imported(key: ECKey) -> ECKey:
    value = key.as_dict(private=False)
    return jws.import_key(codec.decode(PublicKey, {name: value[name] for name in PUBLIC}))


PUBLIC_KEY, OTHER_PUBLIC_KEY = imported(KEY), imported(OTHER)


def token(signed: str, signature: bytes) -> jws.Unverified:
    return jws.read_header(f"{signed}.{base64url(signature)}".encode("ascii"), TYPE)


def is_accepted(signature: bytes, key: ECKey) -> bool:
    try:
        payload = jws.verified_payload(token(SIGNED, signature), key)
    except jws.SignatureError:
        return False
    assert payload == PAYLOAD
    return True


def numbers(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def flipped(bit: int) -> bytes:
    return (int.from_bytes(SIGNATURE, "big") ^ (1 << bit)).to_bytes(64, "big")


def test_the_key_that_has_signed_is_told_from_another_one() -> None:
    assert is_accepted(SIGNATURE, PUBLIC_KEY)
    assert not is_accepted(SIGNATURE, OTHER_PUBLIC_KEY)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:-1],
        SIGNATURE + b"\0",
        SIGNATURE[:32],
        SIGNATURE * 2,
        encode_dss_signature(R, S),
        numbers(S, R),
        numbers(0, 0),
        numbers(0, S),
        numbers(R, 0),
        numbers(1, 1),
        numbers(ORDER, S),
        numbers(R, ORDER),
        numbers(2**256 - 1, 2**256 - 1),
    ],
    ids=lambda signature: signature.hex()[:12] or "empty",
)
def test_what_is_no_signature_of_the_key_is_refused_as_the_library_refuses_it(
    signature: bytes,
) -> None:
    assert not is_accepted(signature, PUBLIC_KEY)
    assert not ES256.verify(SIGNED.encode(), signature, PUBLIC_KEY)


@given(some.binary(min_size=64, max_size=64) | some.integers(0, 511).map(flipped))
@example(SIGNATURE)
@example(numbers(R, ORDER - S))
def test_a_signature_is_judged_as_the_library_judges_it(signature: bytes) -> None:
    expected = ES256.verify(SIGNED.encode(), signature, PUBLIC_KEY)
    assert is_accepted(signature, PUBLIC_KEY) is expected


def test_a_signed_text_is_known_by_its_hash_whichever_signature_is_on_it() -> None:
    expected = hashlib.sha256(SIGNED.encode()).hexdigest()
    twin = numbers(R, ORDER - S)
    assert is_accepted(twin, PUBLIC_KEY), "the other signature that ECDSA allows"
    assert token(SIGNED, SIGNATURE).digest() == token(SIGNED, twin).digest() == expected


NO_COMPACT_JWS = [
    "",
    ".",
    "a.b",
    "a.b.c.d",
    SIGNED,
    f"{SIGNED}.c.d",
    f".{SIGNED}.c",
    f"{SIGNED}é.c",
    f"{SIGNED}.é",
]


@pytest.mark.parametrize("text", NO_COMPACT_JWS)
def test_what_has_not_three_parts_in_ascii_is_no_compact_jws(text: str) -> None:
    with pytest.raises(ContractError, match="not a compact JWS"):
        jws.read_header(text.encode(), TYPE)


@given(
    some.text(alphabet='ABCDabcd0189-_+/=! \n\0"\\', max_size=9)
    | some.binary(max_size=200).map(base64url)
)
def test_a_payload_is_read_as_the_contract_reads_base64url(encoded: str) -> None:
    signed = f"{HEADER}.{encoded}"
    unverified = token(signed, ES256.sign(signed.encode(), KEY))
    expected = outcome(lambda: from_base64url(encoded, "payload"))
    assert outcome(lambda: jws.verified_payload(unverified, PUBLIC_KEY)) == expected


def outcome(read: Callable[[], bytes]) -> bytes | tuple[str, str]:
    """Return what is read, or the field and the problem of the refusal."""
    try:
        return read()
    except ContractError as error:
        return error.field, error.problem
