"""The tier `hardware` on Windows: a key that the laptop's TPM made and never gives away.

By CNG's Platform Crypto Provider (ncrypt.h, bcrypt.h). The computer's own agent has keys of the
computer, which system and administrators may use; a person's agent has keys of that person.
"""

import ctypes
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from passmuster_agent.config import ENROL_AGAIN
from passmuster_agent.errors import because
from passmuster_agent.keystore.interface import KeyStoreError
from passmuster_agent.windows import account
from passmuster_collectors.contract.canonical import base64url
from passmuster_collectors.contract.enrolment import KeyTier, PublicKey
from passmuster_collectors.host.dll import DWORD, HANDLE, POINTER, TEXT, Function, Functions, load

PROVIDER = "Microsoft Platform Crypto Provider"
"""MS_PLATFORM_CRYPTO_PROVIDER: keys of the TPM, no others."""

ALGORITHM = "ECDSA_P256"
PUBLIC_BLOB = "ECCPUBLICBLOB"
PUBLIC_MAGIC = 0x3153_4345
"""BCRYPT_ECDSA_PUBLIC_P256_MAGIC, "ECS1"."""

MACHINE_KEY = 0x20
SILENT = 0x40
"""Fail rather than ask a person, whom a service has not."""

COORDINATE_BYTES = 32
EXISTS, BAD_KEYSET, NOT_FOUND = 0x8009_000F, 0x8009_0016, 0x8009_0011
"""NTE_EXISTS, NTE_BAD_KEYSET ("keyset does not exist"), NTE_NOT_FOUND of winerror.h."""

GONE = frozenset({BAD_KEYSET, NOT_FOUND})
PREFIX = "passmuster-agent-"

FUNCTIONS = (
    Function("ncrypt.dll", "NCryptOpenStorageProvider", DWORD, (POINTER, TEXT, DWORD)),
    Function(
        "ncrypt.dll",
        "NCryptCreatePersistedKey",
        DWORD,
        (HANDLE, POINTER, TEXT, TEXT, DWORD, DWORD),
    ),
    Function("ncrypt.dll", "NCryptFinalizeKey", DWORD, (HANDLE, DWORD)),
    Function("ncrypt.dll", "NCryptOpenKey", DWORD, (HANDLE, POINTER, TEXT, DWORD, DWORD)),
    Function(
        "ncrypt.dll",
        "NCryptExportKey",
        DWORD,
        (HANDLE, HANDLE, TEXT, POINTER, POINTER, DWORD, POINTER, DWORD),
    ),
    Function(
        "ncrypt.dll",
        "NCryptSignHash",
        DWORD,
        (HANDLE, POINTER, POINTER, DWORD, POINTER, DWORD, POINTER, DWORD),
    ),
    Function("ncrypt.dll", "NCryptDeleteKey", DWORD, (HANDLE, DWORD)),
    Function("ncrypt.dll", "NCryptFreeObject", DWORD, (HANDLE,)),
)


class PublicBlob(ctypes.Structure):
    """BCRYPT_ECCKEY_BLOB of bcrypt.h; X and Y follow it, `cbKey` bytes each, big-endian."""

    _fields_ = (("dwMagic", DWORD), ("cbKey", DWORD))


class CngKeyStore:
    """Keys in the TPM, named `passmuster-agent-<identity>`.

    Raises `KeyStoreError` where Windows has no provider for a TPM.
    """

    def __init__(self, functions: Functions | None = None, *, elevated: bool | None = None) -> None:
        try:
            self._ncrypt = functions or load(*FUNCTIONS)
            machine = account.is_elevated() if elevated is None else elevated
        except OSError as error:
            raise _no_tpm(because(error)) from None
        self._scope = MACHINE_KEY if machine else 0
        with self._provider():
            pass

    @property
    def tier(self) -> KeyTier:
        """Return `hardware`."""
        return KeyTier.HARDWARE

    def create(self, identity: str) -> PublicKey:
        """Let the TPM make a key and keep it."""
        key = HANDLE()
        with self._provider() as provider:
            status = self._ncrypt["NCryptCreatePersistedKey"](
                provider, ctypes.byref(key), ALGORITHM, PREFIX + identity, 0, self._scope
            )
            if status == EXISTS:
                raise KeyStoreError("The TPM has such a key already.", ENROL_AGAIN)
            if status != 0:
                raise _no_tpm(f"NCryptCreatePersistedKey: {status:#010x}")
            with self._freed(key):
                status = self._ncrypt["NCryptFinalizeKey"](key, SILENT)
                if status == EXISTS:
                    raise KeyStoreError("The TPM has such a key already.", ENROL_AGAIN)
                if status != 0:
                    raise _no_tpm(f"NCryptFinalizeKey: {status:#010x}")
                return self._public_key(key)

    def public_key(self, identity: str) -> PublicKey:
        """Return the public half of the key."""
        with self._key(identity) as key:
            return self._public_key(key)

    def sign(self, identity: str, message: bytes) -> bytes:
        """Return the signature of `message`, made by the TPM."""
        digest = hashlib.sha256(message).digest()
        signature = ctypes.create_string_buffer(2 * COORDINATE_BYTES)
        length = DWORD()
        with self._key(identity) as key:
            _check(
                "NCryptSignHash",
                self._ncrypt["NCryptSignHash"](
                    key,
                    None,
                    ctypes.create_string_buffer(digest, len(digest)),
                    len(digest),
                    signature,
                    len(signature),
                    ctypes.byref(length),
                    SILENT,
                ),
            )
        if length.value != len(signature):
            count = length.value
            raise _broken(f"a signature of {count} bytes")
        return signature.raw

    def delete(self, identity: str) -> None:
        """Remove the key from the TPM's store."""
        with self._provider() as provider:
            key = HANDLE()
            status = self._open(provider, key, identity)
            if status in GONE:
                return
            _check("NCryptOpenKey", status)
            # A deleted key's handle is freed with it; one that could not be is still ours.
            status = self._ncrypt["NCryptDeleteKey"](key, SILENT)
            if status != 0:
                self._ncrypt["NCryptFreeObject"](key)
            _check("NCryptDeleteKey", status)

    @contextmanager
    def _provider(self) -> Iterator[Any]:
        provider = HANDLE()
        status = self._ncrypt["NCryptOpenStorageProvider"](ctypes.byref(provider), PROVIDER, 0)
        if status != 0:
            raise _no_tpm(f"NCryptOpenStorageProvider: {status:#010x}")
        with self._freed(provider):
            yield provider

    @contextmanager
    def _key(self, identity: str) -> Iterator[Any]:
        key = HANDLE()
        with self._provider() as provider:
            status = self._open(provider, key, identity)
            if status in GONE:
                raise KeyStoreError("The device's key is gone from the TPM.", ENROL_AGAIN)
            _check("NCryptOpenKey", status)
            with self._freed(key):
                yield key

    def _open(self, provider: Any, key: Any, identity: str) -> int:
        status: int = self._ncrypt["NCryptOpenKey"](
            provider, ctypes.byref(key), PREFIX + identity, 0, self._scope | SILENT
        )
        return status

    @contextmanager
    def _freed(self, handle: Any) -> Iterator[None]:
        try:
            yield
        finally:
            self._ncrypt["NCryptFreeObject"](handle)

    def _public_key(self, key: Any) -> PublicKey:
        size = ctypes.sizeof(PublicBlob) + 2 * COORDINATE_BYTES
        blob = ctypes.create_string_buffer(size)
        length = DWORD()
        _check(
            "NCryptExportKey",
            self._ncrypt["NCryptExportKey"](
                key, None, PUBLIC_BLOB, None, blob, size, ctypes.byref(length), 0
            ),
        )
        return parse_public_blob(blob.raw[: length.value])


def parse_public_blob(data: bytes) -> PublicKey:
    """Return the P-256 key that CNG exported. Raises `KeyStoreError` where it is none."""
    start = ctypes.sizeof(PublicBlob)
    if len(data) != start + 2 * COORDINATE_BYTES:
        count = len(data)
        raise _broken(f"a public key of {count} bytes")
    head = PublicBlob.from_buffer_copy(data)
    if (head.dwMagic, head.cbKey) != (PUBLIC_MAGIC, COORDINATE_BYTES):
        raise _broken("a public key of another kind")
    x, y = data[start : start + COORDINATE_BYTES], data[start + COORDINATE_BYTES :]
    return PublicKey("EC", "P-256", base64url(x), base64url(y))


def _check(function: str, status: int) -> None:
    if status != 0:
        raise _broken(f"{function}: {status:#010x}")


def _broken(detail: str) -> KeyStoreError:
    return KeyStoreError(
        f"The TPM does not answer as it should ({detail}).",
        "Restart the computer; if this stays, ask IT for help.",
    )


def _no_tpm(detail: str) -> KeyStoreError:
    return KeyStoreError(
        f"No key can be made in a TPM of this computer ({detail}).",
        "Switch the TPM on in the firmware's settings, or enrol with --tier sealed.",
    )
