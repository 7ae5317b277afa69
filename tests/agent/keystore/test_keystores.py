"""Keys in a file and in the desktop's keyring."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent.keystore.file import FileKeyStore
from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_agent.keystore.keyring import SERVICE, KeyringKeyStore
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.keystore_contract import IDENTITY, OTHER, KeyStoreContract
from tests.support.secret_service import secret_service


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


def test_the_keyring_that_goes_away_is_an_error_and_not_another_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secret_service(tmp_path / "desktop") as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        keys = KeyringKeyStore()
        keys.create(IDENTITY)
    with pytest.raises(KeyStoreError, match="does not answer"):
        keys.sign(IDENTITY, b"a message")
