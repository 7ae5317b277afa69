"""The contract that every keystore keeps, run over each one's real thing."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from passmuster_agent import keystore
from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_collectors.contract.canonical import from_base64url
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey

IDENTITY = "0123456789abcdef"
OTHER = "fedcba9876543210"


class KeyStoreContract:
    """A keystore's test class inherits this and gives the fixtures `keys` and `again`."""

    tier: KeyTier

    def test_its_signatures_fit_the_public_key(self, keys: KeyStore) -> None:
        public = keys.create(IDENTITY)
        verify(public, keys.sign(IDENTITY, b"a message"), b"a message")

    def test_the_key_is_the_same_when_it_is_opened_again(
        self, keys: KeyStore, again: KeyStore
    ) -> None:
        public = keys.create(IDENTITY)
        assert again.public_key(IDENTITY) == public
        verify(public, again.sign(IDENTITY, b"later"), b"later")

    def test_every_identity_has_a_key_of_its_own(self, keys: KeyStore) -> None:
        assert keys.create(IDENTITY) != keys.create(OTHER)

    def test_a_key_is_never_replaced(self, keys: KeyStore) -> None:
        public = keys.create(IDENTITY)
        with pytest.raises(KeyStoreError, match="already"):
            keys.create(IDENTITY)
        assert keys.public_key(IDENTITY) == public

    def test_a_missing_key_says_what_to_do(self, keys: KeyStore) -> None:
        with pytest.raises(KeyStoreError, match=r"gone.*Enrol this laptop again"):
            keys.sign(IDENTITY, b"a message")

    def test_a_deleted_key_is_gone(self, keys: KeyStore) -> None:
        keys.create(IDENTITY)
        keys.delete(IDENTITY)
        with pytest.raises(KeyStoreError, match="gone"):
            keys.public_key(IDENTITY)

    def test_deleting_what_is_not_there_is_fine(self, keys: KeyStore) -> None:
        keys.delete(IDENTITY)

    def test_it_tells_its_tier(self, keys: KeyStore) -> None:
        assert keys.tier is self.tier

    def test_it_is_found_by_its_tier(self, keys: KeyStore, tmp_path: Path) -> None:
        assert type(keystore.of_tier(self.tier, tmp_path)) is type(keys)


def verify(public: PublicKey, signature: bytes, message: bytes) -> None:
    """Check as RFC 7518, section 3.4 says; raises where the signature is wrong."""
    x, y = (int.from_bytes(from_base64url(text, ""), "big") for text in (public.x, public.y))
    assert re.fullmatch("[A-Za-z0-9_-]{43}", public.x), "coordinates have 32 bytes"
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
