"""Who this process is to Windows."""

import ctypes
import functools
import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from passmuster_collectors.host.dll import (
    BOOL,
    DWORD,
    HANDLE,
    POINTER,
    Function,
    Functions,
    error_of,
    load,
)

SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"

TOKEN_QUERY = 0x0008
TOKEN_USER, TOKEN_SESSION, TOKEN_ELEVATION = 1, 12, 20
"""TOKEN_INFORMATION_CLASS of winnt.h."""

LARGEST_TOKEN_USER = 256
"""A pointer, attributes, and a SID of 68 bytes at most."""

FUNCTIONS = (
    Function("kernel32.dll", "GetCurrentProcess", HANDLE, ()),
    Function("kernel32.dll", "CloseHandle", BOOL, (HANDLE,)),
    Function("kernel32.dll", "LocalFree", POINTER, (POINTER,)),
    Function("advapi32.dll", "OpenProcessToken", BOOL, (HANDLE, DWORD, POINTER)),
    Function("advapi32.dll", "GetTokenInformation", BOOL, (HANDLE, DWORD, POINTER, DWORD, POINTER)),
    Function("advapi32.dll", "ConvertSidToStringSidW", BOOL, (POINTER, POINTER)),
)


class SidAndAttributes(ctypes.Structure):
    """SID_AND_ATTRIBUTES of winnt.h, which is all that TOKEN_USER holds."""

    _fields_ = (("Sid", POINTER), ("Attributes", DWORD))


@functools.cache
def own_sid() -> str:
    """Return the SID of the account that this process runs as. Raises `OSError`."""
    return read_own_sid(load(*FUNCTIONS))


@functools.cache
def is_elevated() -> bool:
    """Whether this process has an administrator's rights, a service's included."""
    return read_is_elevated(load(*FUNCTIONS))


def read_own_sid(windows: Functions) -> str:
    """Return the same, asked of these functions."""
    with _own_token(windows) as token:
        return sid_of(windows, token)


def read_is_elevated(windows: Functions) -> bool:
    """Return the same, asked of these functions."""
    with _own_token(windows) as token:
        return _number_of(windows, token, TOKEN_ELEVATION) != 0


def sid_of(windows: Functions, token: Any) -> str:
    """Return the SID of the account that a token stands for. Raises `OSError`."""
    held = ctypes.create_string_buffer(LARGEST_TOKEN_USER)
    _token_information(windows, token, TOKEN_USER, held)
    text = ctypes.c_wchar_p()
    user = SidAndAttributes.from_buffer(held)
    if not windows["ConvertSidToStringSidW"](user.Sid, ctypes.byref(text)):
        raise error_of("ConvertSidToStringSidW")
    try:
        return text.value or ""
    finally:
        windows["LocalFree"](text)


def session_of(windows: Functions, token: Any) -> int:
    """Return the number of the session that a token belongs to. Raises `OSError`."""
    return _number_of(windows, token, TOKEN_SESSION)


def service_sid(name: str) -> str:
    """Return the SID of a service, which Windows makes of the service's name.

    S-1-5-80 and five numbers: SHA-1 of the name in capitals as UTF-16, little-endian.
    """
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "S-1-5-80-" + "-".join(str(each) for each in struct.unpack("<5I", digest))


@contextmanager
def _own_token(windows: Functions) -> Iterator[Any]:
    token = HANDLE()
    process = windows["GetCurrentProcess"]()
    if not windows["OpenProcessToken"](process, TOKEN_QUERY, ctypes.byref(token)):
        raise error_of("OpenProcessToken")
    try:
        yield token
    finally:
        windows["CloseHandle"](token)


def _number_of(windows: Functions, token: Any, kind: int) -> int:
    held = ctypes.create_string_buffer(ctypes.sizeof(DWORD))
    _token_information(windows, token, kind, held)
    return DWORD.from_buffer(held).value


def _token_information(
    windows: Functions, token: Any, kind: int, held: "ctypes.Array[ctypes.c_char]"
) -> None:
    needed = DWORD()
    if not windows["GetTokenInformation"](token, kind, held, len(held), ctypes.byref(needed)):
        raise error_of(f"GetTokenInformation {kind}")
