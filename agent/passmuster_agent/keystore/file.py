"""The tier `file`: a key in a file that only the agent's user may read."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from passmuster_agent.keystore import key_files, p256
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
        key_files.create(self._path(identity), p256.to_pem(key))
        return p256.public_key(key)

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""
        return p256.public_key(self._load(identity))

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the signature of `message`."""
        return p256.sign(self._load(identity), message)

    def delete(self, identity: str) -> None:
        """Remove the file."""
        key_files.delete(self._path(identity))

    def _load(self, identity: str) -> EllipticCurvePrivateKey:
        path = self._path(identity)
        try:
            return p256.from_pem(key_files.read(path))
        except ValueError:
            raise key_files.damaged(path) from None

    def _path(self, identity: str) -> Path:
        return self._state / identity / NAME
