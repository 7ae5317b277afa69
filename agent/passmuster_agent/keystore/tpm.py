"""The tier `hardware`: a key that is made in the TPM 2.0, signs there, and never leaves it.

What lies on the disk is the key wrapped by a storage key that only this TPM has: on any other
machine, and on this one after its TPM was cleared, it is worth nothing. Standard library only: a
report that the TPM signs loads no library for signing at all.
"""

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from passmuster_agent.keystore import key_files, tpm_commands, tpm_device, tpm_errors
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_agent.keystore.tpm_commands import Blob, Loaded
from passmuster_agent.keystore.tpm_errors import TpmError
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import base64url, canonical_bytes, from_base64url
from passmuster_collectors.contract.declaration import Text, Whole
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey
from passmuster_collectors.contract.errors import ContractError

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

NAME = "key.tpm"
VERSION = 1
SHARED_STORAGE_KEY = 0x81000001
"""Where a system that owns the TPM leaves its storage key for others (TCG, "Registry of Reserved
TPM 2.0 Handles and Localities")."""

_NOT_OWNER = frozenset({tpm_errors.AUTH_FAIL, tpm_errors.BAD_AUTH})


@dataclass(frozen=True)
class KeptKey:
    """A wrapped key on the disk, in base64url.

    `parent` is what wraps it: the owner hierarchy, below which the storage key is made anew each
    time, or a storage key that stays in the TPM.
    """

    version: Annotated[int, Whole(least=VERSION, most=VERSION)]
    parent: Annotated[int, Whole(least=0, most=2**32 - 1)]
    public: Annotated[str, Text(longest=1024)]
    private: Annotated[str, Text(longest=1024)]


class TpmKeyStore:
    """Keys of the TPM, wrapped in `<state>/<identity>/key.tpm`.

    Raises `KeyStoreError` where this process can't use a TPM.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        tpm_device.TpmDevice().close()

    @property
    def tier(self) -> KeyTier:
        """Return `hardware`."""
        return KeyTier.HARDWARE

    def create(self, identity: str) -> PublicKey:
        """Make a key in the TPM and bring its wrapped form to the disk."""
        path = self._path(identity)
        key_files.check_new(path)
        with tpm_device.TpmDevice() as device, _new_parent(device) as (parent, loaded):
            blob = tpm_commands.create(device, loaded)
        public = _public_key(blob)
        kept = KeptKey(VERSION, parent, base64url(blob.public), base64url(blob.private))
        key_files.create(path, canonical_bytes(codec.encode(kept)) + b"\n")
        return public

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""
        return _public_key(self._load(identity)[1])

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the signature of `message`, made by the TPM."""
        parent, blob = self._load(identity)
        digest = hashlib.sha256(message).digest()
        with tpm_device.TpmDevice() as device, _parent(device, parent) as loaded:
            key = tpm_commands.load(device, loaded, blob)
            with _flushed(device, key):
                return tpm_commands.sign(device, key, digest)

    def delete(self, identity: str) -> None:
        """Remove the wrapped key: there is no other copy of it."""
        key_files.delete(self._path(identity))

    def _load(self, identity: str) -> tuple[int, Blob]:
        path = self._path(identity)
        try:
            kept = codec.decode(KeptKey, strict_json.parse(key_files.read(path), max_bytes=4096))
            blob = Blob(
                from_base64url(kept.public, "public"), from_base64url(kept.private, "private")
            )
        except ContractError:
            raise key_files.damaged(path) from None
        return kept.parent, blob

    def _path(self, identity: str) -> Path:
        return self._state / identity / NAME


@contextlib.contextmanager
def _new_parent(device: tpm_device.TpmDevice) -> Iterator[tuple[int, Loaded]]:
    """Give the storage key to wrap a new key with, and what to remember of it.

    Where the owner has set a password, it is the one that the owner left for others.
    """
    try:
        loaded = tpm_commands.create_parent(device)
    except TpmError as error:
        if error.code not in _NOT_OWNER or not tpm_commands.exists(device, SHARED_STORAGE_KEY):
            raise
        yield SHARED_STORAGE_KEY, Loaded(SHARED_STORAGE_KEY)
        return
    with _flushed(device, loaded):
        yield tpm_commands.OWNER, loaded


@contextlib.contextmanager
def _parent(device: tpm_device.TpmDevice, parent: int) -> Iterator[Loaded]:
    if parent != tpm_commands.OWNER:
        yield Loaded(parent)
        return
    loaded = tpm_commands.create_parent(device)
    with _flushed(device, loaded):
        yield loaded


@contextlib.contextmanager
def _flushed(device: tpm_device.TpmDevice, loaded: Loaded) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(KeyStoreError):
            tpm_commands.flush(device, loaded)


def _public_key(blob: Blob) -> PublicKey:
    x, y = tpm_commands.point(blob.public)
    return PublicKey("EC", "P-256", base64url(x), base64url(y))
