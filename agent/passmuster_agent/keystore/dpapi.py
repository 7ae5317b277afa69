"""The tier `sealed` on Windows: a key that DPAPI encrypts, in a file for the agent alone.

The computer's own agent has it encrypted for the computer, so that an administrator can enrol and
the service can sign; who else might decrypt it is kept from reading the file.
"""

from pathlib import Path

from passmuster_agent.errors import because
from passmuster_agent.keystore import key_files, pem_keys
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_agent.windows import account
from passmuster_agent.windows.data_protection import DataProtection
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey

NAME = "key.dpapi"


class DpapiKeyStore:
    """Keys in `<state>/<identity>/key.dpapi`. Raises `KeyStoreError` where there is no DPAPI."""

    def __init__(self, state: Path, protection: DataProtection | None = None) -> None:
        self._state = state
        try:
            self._protection = protection or DataProtection(machine=account.is_elevated())
        except OSError as error:
            raise KeyStoreError(
                f"Windows encrypts no keys here ({because(error)}).", "Use another tier."
            ) from None

    @property
    def tier(self) -> KeyTier:
        """Return `sealed`."""
        return KeyTier.SEALED

    def create(self, identity: str) -> PublicKey:
        """Make a key, have it encrypted, and bring that to the disk."""
        path = self._path(identity)
        key_files.check_new(path)
        pem, public_key = pem_keys.new()
        try:
            sealed = self._protection.protect(pem, _purpose(identity))
        except OSError as error:
            raise _failed(error) from None
        key_files.create(path, sealed)
        return public_key

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""
        with key_files.naming_damage(self._path(identity)):
            return pem_keys.public_key(self._load(identity))

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the signature of `message`."""
        with key_files.naming_damage(self._path(identity)):
            return pem_keys.sign(self._load(identity), message)

    def delete(self, identity: str) -> None:
        """Remove the encrypted key."""
        key_files.delete(self._path(identity))

    def _load(self, identity: str) -> bytes:
        kept = key_files.read(self._path(identity))
        try:
            return self._protection.unprotect(kept, _purpose(identity))
        except OSError as error:
            raise _failed(error) from None

    def _path(self, identity: str) -> Path:
        return self._state / identity / NAME


def _purpose(identity: str) -> bytes:
    return f"passmuster-agent-{identity}".encode("ascii")


def _failed(error: OSError) -> KeyStoreError:
    return KeyStoreError(
        f"Windows does not encrypt or decrypt the device's key ({because(error)}).",
        "Run this as the user who enrolled; if the computer was restored from a backup, enrol "
        "again: passmuster-agent enroll --replace --server URL",
    )
