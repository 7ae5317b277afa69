import sys
from pathlib import Path

import pytest

from passmuster_agent import keystore
from passmuster_agent.keystore.dpapi import DpapiKeyStore
from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_agent.windows import account
from passmuster_agent.windows.data_protection import DataProtection
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.keystore_contract import IDENTITY, OTHER, KeyStoreContract
from tests.support.windows_keys import SimulatedDpapi


def kept_by(dpapi: SimulatedDpapi, state: Path) -> DpapiKeyStore:
    return DpapiKeyStore(state, DataProtection(machine=True, functions=dpapi.functions()))


class TestDpapi(KeyStoreContract):
    tier = KeyTier.SEALED

    @pytest.fixture
    def dpapi(self) -> SimulatedDpapi:
        return SimulatedDpapi()

    @pytest.fixture
    def keys(self, dpapi: SimulatedDpapi, tmp_path: Path) -> KeyStore:
        return kept_by(dpapi, tmp_path)

    @pytest.fixture
    def again(self, dpapi: SimulatedDpapi, tmp_path: Path) -> KeyStore:
        return kept_by(dpapi, tmp_path)

    def test_it_is_found_by_its_tier(self, keys: KeyStore, tmp_path: Path) -> None:
        functions = SimulatedDpapi().functions()
        with pytest.MonkeyPatch.context() as windows:
            windows.setattr(sys, "platform", "win32")
            windows.setattr(account, "is_elevated", lambda: True)
            windows.setattr("passmuster_agent.windows.data_protection.load", lambda *_: functions)
            found = keystore.of_tier(KeyTier.SEALED, tmp_path)
        assert type(found) is type(keys)

    def test_what_lies_on_the_disk_is_not_readable(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        assert b"PRIVATE KEY" not in (tmp_path / IDENTITY / "key.dpapi").read_bytes()

    def test_another_computer_cannot_use_it(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        elsewhere = kept_by(SimulatedDpapi(b"another computer"), tmp_path)
        with pytest.raises(KeyStoreError, match=r"does not encrypt or decrypt.*enrol again"):
            elsewhere.sign(IDENTITY, b"a message")

    def test_a_key_is_not_taken_for_another_identitys(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        keys.create(OTHER)
        (tmp_path / IDENTITY / "key.dpapi").replace(tmp_path / OTHER / "key.dpapi")
        with pytest.raises(KeyStoreError, match="does not encrypt or decrypt"):
            keys.sign(OTHER, b"a message")

    def test_nobody_is_asked_and_memory_is_given_back(
        self, keys: KeyStore, dpapi: SimulatedDpapi
    ) -> None:
        keys.create(IDENTITY)
        keys.sign(IDENTITY, b"a message")
        assert dpapi.flags == [0x5], "no dialogue, for the computer"
        assert dpapi.kept == 0


def test_a_persons_key_is_encrypted_for_that_person() -> None:
    dpapi = SimulatedDpapi()
    protection = DataProtection(machine=False, functions=dpapi.functions())
    assert protection.unprotect(protection.protect(b"secret", b"x"), b"x") == b"secret"
    assert dpapi.flags == [0x1]


def test_without_windows_there_is_no_such_tier(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="Windows encrypts no keys here"):
        DpapiKeyStore(tmp_path)
