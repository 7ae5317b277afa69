"""Which place a new key gets: the one asked for, or the best that works."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_agent import keystore
from passmuster_agent.keystore import sealed, tpm_device
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_collectors.contract.enrolment import KeyTier
from tests.support.keystore_contract import IDENTITY
from tests.support.secret_service import secret_service
from tests.support.software_tpm import SoftwareTpm, software_tpm
from tests.support.tools import missing, require_tool


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to keep a key in but files."""
    monkeypatch.setattr(tpm_device, "PATH", tmp_path / "tpmrm0")
    monkeypatch.setattr(sealed, "PROGRAMS", ())
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftwareTpm]:
    with software_tpm() as running:
        monkeypatch.setattr(tpm_device, "PATH", running.path)
        yield running


@pytest.mark.usefixtures("chip")
def test_auto_is_the_tpm_where_there_is_one(tmp_path: Path) -> None:
    made = keystore.make("auto", tmp_path, IDENTITY)
    assert made.keys.tier is KeyTier.HARDWARE
    assert made.passed_over == ()


def test_auto_is_systemd_creds_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        missing("only root may use the host's key of systemd-creds")
    monkeypatch.setattr(sealed, "PROGRAMS", (require_tool("systemd-creds"),))
    made = keystore.make("auto", tmp_path, IDENTITY)
    assert made.keys.tier is KeyTier.SEALED
    assert [tier for tier, _ in made.passed_over] == [KeyTier.HARDWARE]


def test_auto_is_the_keyring_of_a_desktop_without_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secret_service(tmp_path / "desktop") as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        assert keystore.make("auto", tmp_path, IDENTITY).keys.tier is KeyTier.KEYRING


def test_auto_is_a_file_where_nothing_else_works_and_says_why(tmp_path: Path) -> None:
    made = keystore.make("auto", tmp_path, IDENTITY)
    assert made.keys.tier is KeyTier.FILE
    assert made.keys.public_key(IDENTITY) == made.public_key
    why = {tier: error.problem for tier, error in made.passed_over}
    assert list(why) == [KeyTier.HARDWARE, KeyTier.SEALED, KeyTier.KEYRING]
    assert "no TPM 2.0" in why[KeyTier.HARDWARE]
    assert "systemd-creds" in why[KeyTier.SEALED]
    assert "keyring" in why[KeyTier.KEYRING]


def test_a_tpm_that_is_there_but_refuses_is_passed_over_and_leaves_nothing(
    chip: SoftwareTpm, tmp_path: Path
) -> None:
    chip.set_owner_password(b"the owner's")
    made = keystore.make("auto", tmp_path, IDENTITY)
    assert made.keys.tier is KeyTier.FILE
    assert "BAD_AUTH" in made.passed_over[0][1].problem
    assert [path.name for path in (tmp_path / IDENTITY).iterdir()] == ["key.pem"]


@pytest.mark.parametrize("tier", ["hardware", "sealed", "keyring"])
def test_a_tier_that_was_asked_for_is_had_or_refused(tier: str, tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError):
        keystore.make(tier, tmp_path, IDENTITY)
    assert not (tmp_path / IDENTITY).exists()


@pytest.mark.parametrize("tier", [KeyTier.HARDWARE, KeyTier.SEALED, KeyTier.KEYRING])
def test_a_key_is_looked_for_where_it_was_made_and_nowhere_else(
    tier: KeyTier, tmp_path: Path
) -> None:
    keystore.make("file", tmp_path, IDENTITY)
    with pytest.raises(KeyStoreError):
        keystore.of_tier(tier, tmp_path).sign(IDENTITY, b"a message")


def test_a_tier_of_another_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="no keys of the tier attested"):
        keystore.of_tier(KeyTier.ATTESTED, tmp_path)
