"""The tier `file`: a key in a file that only the agent's user may read."""

import contextlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from passmuster_agent import private_files
from passmuster_agent.config import ENROL_AGAIN
from passmuster_agent.errors import AgentError, because
from passmuster_agent.keystore import p256
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey

NAME = "key.pem"


class FileKeyStore:
    """Keys in `<state>/<identity>/key.pem`, mode 0600 in folders of mode 0700."""

    def __init__(self, state: Path) -> None:
        self._state = state

    @property
    def tier(self) -> KeyTier:
        """Return `file`."""
        return KeyTier.FILE

    def create(self, identity: str) -> PublicKey:
        """Make a key and bring it to the disk."""
        key = p256.generate()
        path = self._path(identity)
        try:
            private_files.make_directory(path.parent)
            private_files.create(path, p256.to_pem(key))
        except FileExistsError:
            raise KeyStoreError(f"{path} is there already.", ENROL_AGAIN) from None
        except OSError as error:
            raise KeyStoreError(
                f"{path} cannot be written: {because(error)}.",
                "Free some space there, then try again.",
            ) from None
        return p256.public_key(key)

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""
        return p256.public_key(self._load(identity))

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the signature of `message`."""
        return p256.sign(self._load(identity), message)

    def delete(self, identity: str) -> None:
        """Remove the file."""
        with contextlib.suppress(FileNotFoundError):
            self._path(identity).unlink()

    def _load(self, identity: str) -> EllipticCurvePrivateKey:
        path = self._path(identity)
        try:
            return p256.from_pem(private_files.read(path))
        except FileNotFoundError:
            raise KeyStoreError(f"The device's key {path} is gone.", ENROL_AGAIN) from None
        except OSError as error:
            raise KeyStoreError(
                f"The device's key {path} cannot be read: {because(error)}.", ENROL_AGAIN
            ) from None
        except ValueError:
            raise KeyStoreError(f"The device's key {path} is damaged.", ENROL_AGAIN) from None
        except AgentError as error:
            raise KeyStoreError(error.problem, error.remedy) from None

    def _path(self, identity: str) -> Path:
        return self._state / identity / NAME
