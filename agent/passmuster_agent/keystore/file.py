"""The tier `file`: a key in a file that only the agent's user may read."""

from pathlib import Path

from passmuster_agent.keystore import key_files, pem_keys
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
        pem, public_key = pem_keys.new()
        key_files.create(self._path(identity), pem)
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
        """Remove the file."""
        key_files.delete(self._path(identity))

    def _load(self, identity: str) -> bytes:
        return key_files.read(self._path(identity))

    def _path(self, identity: str) -> Path:
        return self._state / identity / NAME
