"""The tier `keyring`: a key that the desktop's own secret store encrypts.

The backend is named here, one a system; what the library would find by itself may be a plain file.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from passmuster_agent.config import ENROL_AGAIN
from passmuster_agent.keystore import pem_keys, system_keychain
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_agent.windows import account
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey

SERVICE = "passmuster-agent"


class KeyringKeyStore:
    """Keys in the system's secret store, under the service `passmuster-agent`.

    Raises `KeyStoreError` where this process has none: a service without a desktop session, say.
    """

    def __init__(self) -> None:
        with _answering():
            backend = _named_backend()
            viable = backend.viable
        if not viable:
            raise KeyStoreError(
                "No keyring can be reached from here.",
                "Sign in to your desktop and try there, or enrol with --tier file.",
            )
        self._backend = backend

    @property
    def tier(self) -> KeyTier:
        """Return `keyring`."""
        return KeyTier.KEYRING

    def create(self, identity: str) -> PublicKey:
        """Make a key and hand it to the secret store."""
        if self._get(identity) is not None:
            raise KeyStoreError("The keyring has such a key already.", ENROL_AGAIN)
        pem, public_key = pem_keys.new()
        with _answering():
            self._backend.set_password(SERVICE, identity, pem.decode("ascii"))
        return public_key

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""
        with _naming_damage():
            return pem_keys.public_key(self._load(identity))

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the signature of `message`."""
        with _naming_damage():
            return pem_keys.sign(self._load(identity), message)

    def delete(self, identity: str) -> None:
        """Remove the entry."""
        with _answering(), contextlib.suppress(PasswordDeleteError):
            self._backend.delete_password(SERVICE, identity)

    def _load(self, identity: str) -> bytes:
        kept = self._get(identity)
        if kept is None:
            raise KeyStoreError("The device's key is gone from the keyring.", ENROL_AGAIN)
        return kept.encode()

    def _get(self, identity: str) -> str | None:
        with _answering():
            return self._backend.get_password(SERVICE, identity)


def _named_backend() -> KeyringBackend:
    backend: KeyringBackend
    if sys.platform == "linux":
        from keyring.backends.SecretService import Keyring  # noqa: PLC0415 - one a system

        backend = Keyring()  # type: ignore[no-untyped-call] # they annotate half
    elif sys.platform == "darwin":
        from keyring.backends.macOS import Keyring  # noqa: PLC0415 - one a system

        if os.geteuid() == 0:
            system_keychain.use_system_keychain()
        backend = Keyring()  # type: ignore[no-untyped-call] # as above
    else:
        from keyring.backends.Windows import WinVaultKeyring  # noqa: PLC0415 - one a system

        _refuse_an_administrators_own()
        backend = WinVaultKeyring()  # type: ignore[no-untyped-call] # as above
        keep_on_this_computer(backend)
    return backend


def keep_on_this_computer(backend: KeyringBackend) -> None:
    """Let Credential Manager keep what it is given here, not roam with a person's profile.

    CRED_PERSIST_LOCAL_MACHINE of wincred.h; the library's own choice would roam.
    """
    backend.persist = "local machine"  # type: ignore[attr-defined] # Windows' backend alone has it


def _refuse_an_administrators_own() -> None:
    """Raise where the key would go to an administrator's vault, in which no service finds it."""
    if account.is_elevated() and account.own_sid() != account.SYSTEM:
        raise KeyStoreError(
            "The keyring of an administrator is closed to the service.",
            "Enrol with --tier hardware or --tier sealed, or without administrator rights for an "
            "agent of your own.",
        )


@contextlib.contextmanager
def _naming_damage() -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise KeyStoreError("The device's key in the keyring is damaged.", ENROL_AGAIN) from None


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except KeyStoreError:
        raise
    except Exception as error:  # noqa: BLE001 - backends let D-Bus, socket and system errors through
        words = str(error).partition("\n")[0][:200] if isinstance(error, KeyringError) else ""
        detail = f"{type(error).__name__}: {words}" if words else type(error).__name__
        raise KeyStoreError(
            f"The keyring does not answer ({detail}).",
            "Sign in to your desktop, so that its keyring is open, then try again.",
        ) from None
