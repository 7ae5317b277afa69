"""Signing with a key in PEM: by the OpenSSL that is there already, else by `cryptography`."""

import _ssl
import ssl
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from passmuster_agent.keystore import openssl, p256, pem_keys

PEM, PUBLIC_KEY = pem_keys.new()
PKCS8 = serialization.PrivateFormat.PKCS8

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems sign otherwise")


def verify(pem: bytes, message: bytes, signature: bytes) -> None:
    """Raise `InvalidSignature` where `signature` is not the key's."""
    der = encode_dss_signature(*(int.from_bytes(half) for half in (signature[:32], signature[32:])))
    p256.from_pem(pem).public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))


def pem_of(
    key: "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey",
) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, PKCS8, serialization.NoEncryption())


@linux
@given(st.binary(max_size=2048))
def test_every_signature_of_the_library_that_is_there_is_good(message: bytes) -> None:
    signature = openssl.sign(PEM, message)
    assert signature is not None, "the interpreter's OpenSSL must be found"
    assert len(signature) == 64
    verify(PEM, message, signature)


@linux
def test_numbers_that_begin_with_zeros_keep_their_length() -> None:
    for number in range(10_000):
        message = b"%d" % number
        signature = openssl.sign(PEM, message) or b""
        assert len(signature) == 64
        # One in 128 has such an R or S.
        if signature[0] == 0 or signature[32] == 0:
            verify(PEM, message, signature)
            return
    raise AssertionError("no number of 20,000 began with a zero")


@linux
def test_a_signature_is_of_that_message_alone() -> None:
    signature = openssl.sign(PEM, b"one")
    assert signature is not None
    with pytest.raises(InvalidSignature):
        verify(PEM, b"two", signature)


@linux
@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN nothing",
        b"\x00" * 64,
        PEM[:-40],
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ec.generate_private_key(ec.SECP256K1())),
        pem_of(ed25519.Ed25519PrivateKey.generate()),
        pem_of(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["nothing", "damaged", "zeros", "cut off", "P-384", "secp256k1", "Ed25519", "RSA"],
)
def test_what_is_no_p256_key_is_refused(pem: bytes) -> None:
    assert openssl.sign(pem, b"message") is None
    with pytest.raises(ValueError, match=r".*"):
        pem_keys.sign(pem, b"message")


@linux
def test_an_encrypted_key_is_refused_without_a_question_on_the_terminal() -> None:
    key = p256.from_pem(PEM)
    encryption = serialization.BestAvailableEncryption(b"secret")
    pem = key.private_bytes(serialization.Encoding.PEM, PKCS8, encryption)
    program = (
        "import sys; from passmuster_agent.keystore import openssl\n"
        "print(openssl.sign(sys.stdin.buffer.read(), b'message'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pem, capture_output=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == (b"None\n", b"")


@linux
def test_a_failure_leaves_nothing_for_the_next_connection_to_trip_over() -> None:
    assert openssl.sign(b"-----BEGIN nothing", b"message") is None
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ours, theirs, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()


def test_without_that_library_the_other_one_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "_library", lambda: None)
    verify(PEM, b"message", pem_keys.sign(PEM, b"message"))


@linux
def test_an_interpreter_with_openssl_inside_has_no_such_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(_ssl, "__file__")
    assert openssl.sign(PEM, b"message") is None


def test_the_public_half_is_that_of_the_key() -> None:
    assert pem_keys.public_key(PEM) == PUBLIC_KEY
