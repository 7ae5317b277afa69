"""Windows' key functions, simulated as ncrypt.h, bcrypt.h and dpapi.h document them.

They show that our side of each call fits the documentation, not that Windows answers so.
"""

import ctypes
import hashlib
import os
import struct
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from passmuster_collectors.host.dll import Functions

NTE_EXISTS = 0x8009000F
NTE_BAD_KEYSET = 0x80090016
NTE_BUFFER_TOO_SMALL = 0x80090028


class SimulatedTpm:
    """A provider with one store of keys; `refused` are the statuses of functions that fail."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, int], ec.EllipticCurvePrivateKey] = {}
        self.refused: dict[str, int] = {}
        self.open: dict[int, Any] = {}
        self._next = 100

    def functions(self) -> Functions:
        """Return them by name."""
        names = (
            "NCryptOpenStorageProvider",
            "NCryptCreatePersistedKey",
            "NCryptFinalizeKey",
            "NCryptOpenKey",
            "NCryptExportKey",
            "NCryptSignHash",
            "NCryptDeleteKey",
            "NCryptFreeObject",
        )
        return {name: self._refusing(name) for name in names}

    def _refusing(self, name: str) -> Any:
        method = getattr(self, f"_{name[6:].lower()}")

        def call(*arguments: Any) -> int:
            refusal = self.refused.get(name)
            return refusal if refusal is not None else int(method(*arguments))

        return call

    def _handle(self, place: Any, content: Any) -> int:
        self._next += 1
        self.open[self._next] = content
        place._obj.value = self._next
        return 0

    def _openstorageprovider(self, place: Any, name: str, flags: int) -> int:
        assert (name, flags) == ("Microsoft Platform Crypto Provider", 0)
        return self._handle(place, "provider")

    def _createpersistedkey(
        self, provider: Any, place: Any, algorithm: str, name: str, spec: int, flags: int
    ) -> int:
        assert self.open[provider.value] == "provider"
        assert (algorithm, spec) == ("ECDSA_P256", 0)
        if (name, flags) in self.keys:
            return NTE_EXISTS
        return self._handle(place, (name, flags))

    def _finalizekey(self, key: Any, flags: int) -> int:
        assert flags == 0x40
        self.keys[self.open[key.value]] = ec.generate_private_key(ec.SECP256R1())
        return 0

    def _openkey(self, provider: Any, place: Any, name: str, spec: int, flags: int) -> int:
        assert self.open[provider.value] == "provider"
        assert (spec, flags & 0x40) == (0, 0x40)
        if (name, flags & 0x20) not in self.keys:
            return NTE_BAD_KEYSET
        return self._handle(place, (name, flags & 0x20))

    def _exportkey(
        self,
        key: Any,
        wrapping: None,
        kind: str,
        parameters: None,
        place: Any,
        size: int,
        length: Any,
        flags: int,
    ) -> int:
        assert (wrapping, kind, parameters, flags) == (None, "ECCPUBLICBLOB", None, 0)
        numbers = self.keys[self.open[key.value]].public_key().public_numbers()
        blob = struct.pack("<4sI", b"ECS1", 32)
        blob += numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        return self._out(blob, place, size, length)

    def _signhash(
        self,
        key: Any,
        padding: None,
        digest: Any,
        digest_size: int,
        place: Any,
        size: int,
        length: Any,
        flags: int,
    ) -> int:
        assert (padding, digest_size, flags) == (None, 32, 0x40)
        made = self.keys[self.open[key.value]].sign(
            digest.raw, ec.ECDSA(Prehashed(hashes.SHA256()))
        )
        r, s = decode_dss_signature(made)
        return self._out(r.to_bytes(32, "big") + s.to_bytes(32, "big"), place, size, length)

    def _deletekey(self, key: Any, flags: int) -> int:
        assert flags == 0x40
        del self.keys[self.open.pop(key.value)]
        return 0

    def _freeobject(self, handle: Any) -> int:
        del self.open[handle.value]
        return 0

    def _out(self, data: bytes, place: Any, size: int, length: Any) -> int:
        length._obj.value = len(data)
        if size < len(data):
            return NTE_BUFFER_TOO_SMALL
        ctypes.memmove(place, data, len(data))
        return 0


class SimulatedDpapi:
    """Encryption that the flags and the entropy go into; `secret` is the computer's or person's."""

    def __init__(self, secret: bytes = b"this computer") -> None:
        self._secret = secret
        self._given: dict[int, Any] = {}
        self.flags: list[int] = []

    def functions(self) -> Functions:
        """Return them by name."""
        return {
            "CryptProtectData": self._protect,
            "CryptUnprotectData": self._unprotect,
            "LocalFree": self._free,
        }

    @property
    def kept(self) -> int:
        """How many of the buffers that were handed out have not been given back."""
        return len(self._given)

    def _protect(
        self, given: Any, words: None, entropy: Any, _: None, prompt: None, flags: int, made: Any
    ) -> int:
        assert (words, prompt) == (None, None)
        self.flags.append(flags)
        nonce = os.urandom(12)
        sealed = self._cipher(entropy).encrypt(nonce, _content(given), None)
        return self._out(nonce + sealed, made)

    def _unprotect(
        self, given: Any, words: None, entropy: Any, _: None, prompt: None, flags: int, made: Any
    ) -> int:
        assert (words, prompt) == (None, None)
        content = _content(given)
        try:
            opened = self._cipher(entropy).decrypt(content[:12], content[12:], None)
        except (InvalidTag, ValueError):
            return 0
        return self._out(opened, made)

    def _cipher(self, entropy: Any) -> AESGCM:
        return AESGCM(hashlib.sha256(self._secret + _content(entropy)).digest())

    def _out(self, data: bytes, made: Any) -> int:
        buffer = ctypes.create_string_buffer(data, len(data))
        address = ctypes.addressof(buffer)
        self._given[address] = buffer
        made._obj.cbData = len(data)
        made._obj.pbData = address
        return 1

    def _free(self, address: int) -> None:
        buffer = self._given.pop(address)
        assert not any(buffer.raw), "a secret is wiped before its memory is given back"


def _content(blob: Any) -> bytes:
    return ctypes.string_at(blob._obj.pbData, blob._obj.cbData)
