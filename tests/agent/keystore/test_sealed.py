"""Keys that the real systemd-creds encrypts with this machine's own key."""

import os
import stat
from pathlib import Path

import pytest

from passmuster_agent.keystore import sealed
from passmuster_agent.keystore.interface import KeyStore, KeyStoreError
from passmuster_agent.keystore.sealed import SealedKeyStore
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.keystore_contract import IDENTITY, OTHER, KeyStoreContract
from tests.support.tools import missing, require_tool

NOBODY = 65534


@pytest.fixture
def _systemd_creds() -> None:
    require_tool("systemd-creds")
    if os.geteuid() != 0:
        missing("only root may use the host's key of systemd-creds")


@pytest.mark.usefixtures("_systemd_creds")
class TestSealed(KeyStoreContract):
    tier = KeyTier.SEALED

    @pytest.fixture
    def keys(self, _systemd_creds: None, tmp_path: Path) -> KeyStore:
        return SealedKeyStore(tmp_path)

    @pytest.fixture
    def again(self, _systemd_creds: None, tmp_path: Path) -> KeyStore:
        return SealedKeyStore(tmp_path)

    def test_the_key_is_not_readable_on_the_disk(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        path = tmp_path / IDENTITY / "key.cred"
        assert b"PRIVATE" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_key_under_another_name_is_not_opened(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        (tmp_path / IDENTITY).rename(tmp_path / OTHER)
        with pytest.raises(KeyStoreError, match="could not decrypt"):
            keys.sign(OTHER, b"a message")

    def test_a_changed_key_says_what_to_do(self, keys: KeyStore, tmp_path: Path) -> None:
        keys.create(IDENTITY)
        path = tmp_path / IDENTITY / "key.cred"
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(KeyStoreError, match=r"could not decrypt.*enrol again"):
            keys.sign(IDENTITY, b"a message")

    def test_only_root_may(self, tmp_path: Path) -> None:
        os.seteuid(NOBODY)
        try:
            with pytest.raises(KeyStoreError, match=r"Only root may seal.*another tier"):
                SealedKeyStore(tmp_path)
        finally:
            os.seteuid(0)


def test_a_laptop_without_systemd_creds_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "PROGRAMS", (tmp_path / "systemd-creds",))
    with pytest.raises(KeyStoreError, match="systemd 250"):
        SealedKeyStore(tmp_path)


@pytest.mark.usefixtures("_systemd_creds")
class TestAProgramThatDoesNotDoIt:
    def test_its_own_last_words_are_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refusal = "Failed to determine local credential host secret: Read-only file system"
        keys = with_program(tmp_path, monkeypatch, f"echo first; echo '{refusal}' >&2; exit 1")
        with pytest.raises(KeyStoreError, match=f"could not encrypt.*{refusal}"):
            keys.create(IDENTITY)
        assert not (tmp_path / IDENTITY).exists()

    def test_one_that_hangs_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sealed, "LONGEST_S", 0.2)
        keys = with_program(tmp_path, monkeypatch, "exec sleep 60")
        with pytest.raises(KeyStoreError, match="no answer in"):
            keys.create(IDENTITY)

    def test_the_key_goes_in_by_a_pipe_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = tmp_path / "seen"
        keys = with_program(tmp_path, monkeypatch, f'echo "$@" >{seen}; env >>{seen}; exit 1')
        with pytest.raises(KeyStoreError):
            keys.create(IDENTITY)
        assert "encrypt - -" in seen.read_text()
        assert "PRIVATE" not in seen.read_text()


def with_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> SealedKeyStore:
    program = tmp_path / "systemd-creds"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(sealed, "PROGRAMS", (program,))
    return SealedKeyStore(tmp_path)
