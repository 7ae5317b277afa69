"""The keyring tier on the systems that are not here: which store of theirs is used."""

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from keyring.backends.Windows import WinVaultKeyring

from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_agent.keystore.keyring import KeyringKeyStore, keep_on_this_computer
from passmuster_agent.keystore.system_keychain import use_system_keychain
from passmuster_agent.windows import account

ADMINISTRATOR = "S-1-5-21-1004336348-1177238915-682003330-500"


def test_windows_keeps_the_key_on_this_computer() -> None:
    backend: Any = SimpleNamespace()
    keep_on_this_computer(backend)
    assert backend.persist == "local machine"
    assert "persist" in vars(WinVaultKeyring), "the library reads the choice from there"


def test_an_administrators_vault_is_refused_since_the_service_cannot_open_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(account, "is_elevated", lambda: True)
    monkeypatch.setattr(account, "own_sid", lambda: ADMINISTRATOR)
    with pytest.raises(KeyStoreError, match=r"closed to the service.*--tier hardware"):
        KeyringKeyStore()


class Security:
    """Apple's Security framework, of which one function is called."""

    def __init__(self, status: int) -> None:
        self.domains: list[int] = []

        def prefer(domain: int) -> int:
            self.domains.append(domain)
            return status

        self.SecKeychainSetPreferenceDomain = prefer


def test_root_on_a_mac_uses_the_system_keychain() -> None:
    security: Any = Security(0)
    use_system_keychain(security)
    assert security.domains == [1]


def test_a_keychain_that_is_not_to_be_had_is_an_error() -> None:
    security: Any = Security(-25307)
    with pytest.raises(OSError, match="-25307"):
        use_system_keychain(security)


def test_root_on_a_mac_gets_no_persons_keychain(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(0, "SecKeychainSetPreferenceDomain: -25307")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("passmuster_agent.keystore.system_keychain.use_system_keychain", refuse)
    with pytest.raises(KeyStoreError, match="does not answer"):
        KeyringKeyStore()
