"""What every place that keeps the device's private key can do."""

from typing import Protocol

from passmuster_agent.errors import AgentError
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey


class KeyStoreError(AgentError):
    """The key can't be made, found or used, and no weaker place is tried instead."""


class KeyStore(Protocol):
    """Keeps one P-256 key per identity; nobody else needs to see it. All raise `KeyStoreError`."""

    @property
    def tier(self) -> KeyTier:
        """How well the key is kept."""

    def create(self, identity: str) -> PublicKey:
        """Make a new key and keep it durably; refuse when the identity has one."""

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the ES256 signature of `message`: R and S, 32 bytes each."""

    def delete(self, identity: str) -> None:
        """Forget the key; nothing happens when there is none."""
