import struct
import sys
from pathlib import Path

import pytest

from passmuster_agent import keystore
from passmuster_agent.keystore.cng import CngKeyStore, parse_public_blob
from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_agent.windows import account
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.keystore_contract import IDENTITY, KeyStoreContract
from tests.support.windows_keys import SimulatedTpm


class TestCng(KeyStoreContract):
    tier = KeyTier.HARDWARE

    @pytest.fixture
    def tpm(self) -> SimulatedTpm:
        return SimulatedTpm()

    @pytest.fixture
    def keys(self, tpm: SimulatedTpm) -> KeyStore:
        return CngKeyStore(tpm.functions(), elevated=True)

    @pytest.fixture
    def again(self, tpm: SimulatedTpm) -> KeyStore:
        return CngKeyStore(tpm.functions(), elevated=True)

    def test_it_is_found_by_its_tier(self, keys: KeyStore, tmp_path: Path) -> None:
        functions = SimulatedTpm().functions()
        with pytest.MonkeyPatch.context() as windows:
            windows.setattr(sys, "platform", "win32")
            windows.setattr(account, "is_elevated", lambda: True)
            windows.setattr("passmuster_agent.keystore.cng.load", lambda *_: functions)
            found = keystore.of_tier(KeyTier.HARDWARE, tmp_path)
        assert type(found) is type(keys)

    def test_the_computers_key_is_not_a_persons(self, tpm: SimulatedTpm, keys: KeyStore) -> None:
        keys.create(IDENTITY)
        with pytest.raises(KeyStoreError, match="gone"):
            CngKeyStore(tpm.functions(), elevated=False).sign(IDENTITY, b"a message")

    def test_every_handle_is_given_back(self, tpm: SimulatedTpm, keys: KeyStore) -> None:
        keys.create(IDENTITY)
        keys.sign(IDENTITY, b"a message")
        keys.public_key(IDENTITY)
        with pytest.raises(KeyStoreError):
            keys.create(IDENTITY)
        keys.delete(IDENTITY)
        keys.delete(IDENTITY)
        assert tpm.open == {}

    @pytest.mark.parametrize(
        "function", ["NCryptOpenStorageProvider", "NCryptCreatePersistedKey", "NCryptFinalizeKey"]
    )
    def test_a_tpm_that_makes_no_key_says_so_with_its_own_number(
        self, tpm: SimulatedTpm, keys: KeyStore, function: str
    ) -> None:
        tpm.refused[function] = 0x80090030
        with pytest.raises(KeyStoreError, match=rf"{function}: 0x80090030.*--tier sealed"):
            keys.create(IDENTITY)

    @pytest.mark.parametrize("function", ["NCryptOpenKey", "NCryptSignHash"])
    def test_a_tpm_that_does_not_sign_is_not_a_key_that_is_gone(
        self, tpm: SimulatedTpm, keys: KeyStore, function: str
    ) -> None:
        keys.create(IDENTITY)
        tpm.refused[function] = 0x80280921
        with pytest.raises(KeyStoreError, match=rf"does not answer as it should \({function}"):
            keys.sign(IDENTITY, b"a message")

    def test_a_key_that_cannot_be_deleted_is_an_error(
        self, tpm: SimulatedTpm, keys: KeyStore
    ) -> None:
        keys.create(IDENTITY)
        tpm.refused["NCryptDeleteKey"] = 0x80090010
        with pytest.raises(KeyStoreError, match="NCryptDeleteKey"):
            keys.delete(IDENTITY)
        assert tpm.open == {}

    def test_without_windows_there_is_no_such_tier(self) -> None:
        with pytest.raises(KeyStoreError, match="No key can be made in a TPM"):
            CngKeyStore()


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        struct.pack("<4sI", b"ECS1", 32) + bytes(63),
        struct.pack("<4sI", b"ECS3", 32) + bytes(64),
        struct.pack("<4sI", b"ECS1", 48) + bytes(64),
    ],
    ids=["nothing", "cut off", "P-384", "other coordinates"],
)
def test_what_is_no_p256_key_is_refused(blob: bytes) -> None:
    with pytest.raises(KeyStoreError, match="a public key of"):
        parse_public_blob(blob)
