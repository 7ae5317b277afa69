"""The contract that every keystore keeps, run over each one's real thing."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from passmuster_agent import keystore
from passmuster_agent.keystore.file import FileKeyStore
from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_agent.keystore.keyring import SERVICE, KeyringKeyStore
from passmuster_collectors.contract.canonical import from_base64url
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey
from tests.support.secret_service import secret_service

IDENTITY = "0123456789abcdef"
OTHER = "fedcba9876543210"


class KeyStoreContract:
    """A keystore's test class inherits this and gives the fixture `keys`."""

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


class TestFile(KeyStoreContract):
    tier = KeyTier.FILE

    @pytest.fixture
    def keys(self, tmp_path: Path) -> KeyStore:
        return FileKeyStore(tmp_path)

    @pytest.fixture
    def again(self, tmp_path: Path) -> KeyStore:
        return FileKeyStore(tmp_path)

    def test_only_its_user_may_read_it(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        path = tmp_path / IDENTITY / "key.pem"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_a_key_that_others_may_read_is_not_used(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        (tmp_path / IDENTITY / "key.pem").chmod(0o640)
        with pytest.raises(KeyStoreError, match=r"open to others.*enrol again"):
            keys.sign(IDENTITY, b"a message")

    def test_a_link_in_its_place_is_not_followed(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(OTHER)
        (tmp_path / IDENTITY).mkdir(mode=0o700)
        (tmp_path / IDENTITY / "key.pem").symlink_to(tmp_path / OTHER / "key.pem")
        with pytest.raises(KeyStoreError, match="cannot be read"):
            keys.sign(IDENTITY, b"a message")
        with pytest.raises(KeyStoreError, match="already"):
            keys.create(IDENTITY)

    def test_a_damaged_key_says_what_to_do(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        (tmp_path / IDENTITY / "key.pem").write_bytes(b"-----BEGIN nothing")
        with pytest.raises(KeyStoreError, match=r"damaged.*Enrol this laptop again"):
            keys.sign(IDENTITY, b"a message")


class TestKeyring(KeyStoreContract):
    tier = KeyTier.KEYRING

    @pytest.fixture
    def bus(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        with secret_service(tmp_path / "desktop") as address:
            monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
            yield address

    @pytest.fixture
    def keys(self, bus: str) -> KeyStore:
        return KeyringKeyStore()

    @pytest.fixture
    def again(self, bus: str) -> KeyStore:
        return KeyringKeyStore()

    def test_what_it_keeps_is_not_readable_on_the_disk(
        self, keys: KeyStore, tmp_path: Path
    ) -> None:
        keys.create(IDENTITY)
        kept = [path.read_bytes() for path in tmp_path.rglob("*.keyring")]
        assert kept, "gnome-keyring must have written a keyring"
        assert not any(b"PRIVATE KEY" in content for content in kept)

    def test_a_damaged_entry_says_what_to_do(self, keys: KeyringKeyStore) -> None:
        keys._backend.set_password(SERVICE, IDENTITY, "not a key")
        with pytest.raises(KeyStoreError, match=r"damaged.*Enrol this laptop again"):
            keys.sign(IDENTITY, b"a message")

    def test_it_is_what_auto_chooses(self, bus: str, tmp_path: Path) -> None:
        assert keystore.choose("auto", tmp_path).tier is KeyTier.KEYRING


class TestWithoutASecretService:
    @pytest.fixture(autouse=True)
    def _no_bus(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")

    def test_the_keyring_is_refused_when_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(KeyStoreError, match="--tier file"):
            keystore.choose("keyring", tmp_path)

    def test_auto_chooses_the_file(self, tmp_path: Path) -> None:
        assert keystore.choose("auto", tmp_path).tier is KeyTier.FILE

    def test_after_enrolment_no_other_tier_is_tried(self, tmp_path: Path) -> None:
        with pytest.raises(KeyStoreError, match="keyring"):
            keystore.of_tier(KeyTier.KEYRING, tmp_path)


def test_a_tier_of_another_agent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="no keys of the tier hardware"):
        keystore.of_tier(KeyTier.HARDWARE, tmp_path)


def test_the_keyring_that_goes_away_is_an_error_and_not_another_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secret_service(tmp_path / "desktop") as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        keys = KeyringKeyStore()
        keys.create(IDENTITY)
    with pytest.raises(KeyStoreError, match="does not answer"):
        keys.sign(IDENTITY, b"a message")


def verify(public: PublicKey, signature: bytes, message: bytes) -> None:
    """Check as RFC 7518, section 3.4 says; raises where the signature is wrong."""
    x, y = (int.from_bytes(from_base64url(text, ""), "big") for text in (public.x, public.y))
    assert re.fullmatch("[A-Za-z0-9_-]{43}", public.x), "coordinates have 32 bytes"
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
