"""Functions of Windows' own libraries: declared as data, loaded from System32 and nowhere else.

The types have fixed widths, so that a test on any system can hold each declaration, and the layout
of each structure, against the headers.
"""

import ctypes
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

BYTE = ctypes.c_uint8
WORD = ctypes.c_uint16
DWORD = ctypes.c_uint32
BOOL = ctypes.c_int32
LONG = ctypes.c_int32
POINTER = ctypes.c_void_p
HANDLE = ctypes.c_void_p
TEXT = ctypes.c_wchar_p
"""A pointer to UTF-16 on Windows. A structure that holds characters itself has `WORD`s."""

SEARCH_SYSTEM32 = 0x0800
"""LOAD_LIBRARY_SEARCH_SYSTEM32 of libloaderapi.h: no file beside the program is taken for it."""

Functions = Mapping[str, Callable[..., Any]]


class Guid(ctypes.Structure):
    """GUID of guiddef.h."""

    _fields_ = (("Data1", DWORD), ("Data2", WORD), ("Data3", WORD), ("Data4", BYTE * 8))


def guid(text: str) -> Guid:
    """Return the GUID that is written as `62ab5d82-fdc1-4dc3-a9dd-070d1d495d97`."""
    return Guid.from_buffer_copy(uuid.UUID(text).bytes_le)


@dataclass(frozen=True)
class Function:
    """One function: the file that exports it, its result (None is void) and its arguments."""

    library: str
    name: str
    result: Any
    arguments: tuple[Any, ...]


def load(*wanted: Function) -> Functions:
    """Return the functions by name. Raises `OSError` where Windows, or this one, lacks one."""
    if sys.platform == "win32":
        libraries = {
            each.library: ctypes.WinDLL(each.library, use_last_error=True, winmode=SEARCH_SYSTEM32)
            for each in wanted
        }
        return {each.name: _declared(libraries[each.library], each) for each in wanted}
    raise OSError(f"{wanted[0].library} is a part of Windows")


def last_error() -> int:
    """Return the number of the last error that a loaded function left behind (winerror.h)."""
    if sys.platform == "win32":
        return ctypes.get_last_error()
    return 0


def error_of(what: str, code: int | None = None) -> OSError:
    """Return the exception for error `code` of winerror.h; without one it is the last error.

    On Windows its class is the one that fits, such as `PermissionError` for 5.
    """
    number = last_error() if code is None else code
    return OSError(0, f"{what}: error {number:#x}", None, number)


def _declared(library: ctypes.CDLL, wanted: Function) -> Callable[..., Any]:
    try:
        function = getattr(library, wanted.name)
    except AttributeError:
        raise OSError(f"{wanted.library} has no {wanted.name}") from None
    function.restype = wanted.result
    function.argtypes = wanted.arguments
    return function  # type: ignore[no-any-return] # ctypes finds functions by name
