"""Windows' own encryption of small secrets: DPAPI (dpapi.h).

For the computer, what was encrypted can be decrypted on this computer alone, by whoever can read
it; for a person, by that person alone.
"""

import ctypes
from collections.abc import Callable
from typing import Any

from passmuster_collectors.host.dll import (
    BOOL,
    DWORD,
    POINTER,
    TEXT,
    Function,
    Functions,
    error_of,
    load,
)

UI_FORBIDDEN = 0x1
LOCAL_MACHINE = 0x4

FUNCTIONS = (
    Function(
        "crypt32.dll",
        "CryptProtectData",
        BOOL,
        (POINTER, TEXT, POINTER, POINTER, POINTER, DWORD, POINTER),
    ),
    Function(
        "crypt32.dll",
        "CryptUnprotectData",
        BOOL,
        (POINTER, POINTER, POINTER, POINTER, POINTER, DWORD, POINTER),
    ),
    Function("kernel32.dll", "LocalFree", POINTER, (POINTER,)),
)


class DataBlob(ctypes.Structure):
    """DATA_BLOB of dpapi.h: length and address."""

    _fields_ = (("cbData", DWORD), ("pbData", POINTER))


class DataProtection:
    """Encrypts for the computer (`machine`) or for the person that this process runs as.

    `purpose` goes into the encryption: what was made for one is not accepted for another. All raise
    `OSError`.
    """

    def __init__(self, *, machine: bool, functions: Functions | None = None) -> None:
        self._windows = functions or load(*FUNCTIONS)
        self._flags = UI_FORBIDDEN | (LOCAL_MACHINE if machine else 0)

    def protect(self, secret: bytes, purpose: bytes) -> bytes:
        """Return the encrypted secret."""
        return self._run(self._windows["CryptProtectData"], "CryptProtectData", secret, purpose)

    def unprotect(self, data: bytes, purpose: bytes) -> bytes:
        """Return the secret."""
        return self._run(self._windows["CryptUnprotectData"], "CryptUnprotectData", data, purpose)

    def _run(
        self, function: Callable[..., Any], name: str, content: bytes, purpose: bytes
    ) -> bytes:
        # The buffers have to live as long as the call.
        held = [ctypes.create_string_buffer(each, len(each)) for each in (content, purpose)]
        given, entropy = (DataBlob(len(each), ctypes.addressof(each)) for each in held)
        made = DataBlob()
        succeeded = function(
            ctypes.byref(given),
            None,
            ctypes.byref(entropy),
            None,
            None,
            self._flags,
            ctypes.byref(made),
        )
        if not succeeded:
            raise error_of(name)
        try:
            return ctypes.string_at(made.pbData, made.cbData)
        finally:
            if made.pbData:
                ctypes.memset(made.pbData, 0, made.cbData)
            self._windows["LocalFree"](made.pbData)
