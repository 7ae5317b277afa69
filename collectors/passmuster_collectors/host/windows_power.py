"""The settings of the active power scheme (powrprof.h)."""

import ctypes

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.dll import DWORD, HANDLE, POINTER, Function, Functions, guid
from passmuster_collectors.host.windows_answers import PowerValue
from passmuster_collectors.host.windows_errors import check, functions

SOURCE = "power scheme"

ACTIVE = Function("powrprof.dll", "PowerGetActiveScheme", DWORD, (HANDLE, POINTER))
AC = Function(
    "powrprof.dll", "PowerReadACValueIndex", DWORD, (HANDLE, POINTER, POINTER, POINTER, POINTER)
)
DC = Function(
    "powrprof.dll", "PowerReadDCValueIndex", DWORD, (HANDLE, POINTER, POINTER, POINTER, POINTER)
)
FREE = Function("kernel32.dll", "LocalFree", HANDLE, (HANDLE,))
FUNCTIONS = (ACTIVE, AC, DC, FREE)


def setting(subgroup: str, name: str) -> PowerValue:
    """Return the numbers of a setting. Raises `SourceError`."""
    return read_setting(functions(SOURCE, *FUNCTIONS), subgroup, name)


def read_setting(api: Functions, subgroup: str, name: str) -> PowerValue:
    """Return the numbers of a setting as the given functions tell them. Raises `SourceError`."""
    try:
        group, wanted = guid(subgroup), guid(name)
    except ValueError:
        raise SourceConflictError(SOURCE, "not a GUID") from None
    scheme = POINTER()
    check(SOURCE, api[ACTIVE.name](None, ctypes.byref(scheme)))
    try:
        values = []
        for ask in (AC, DC):
            value = DWORD()
            check(
                f"{SOURCE} {name}",
                api[ask.name](
                    None, scheme, ctypes.byref(group), ctypes.byref(wanted), ctypes.byref(value)
                ),
            )
            values.append(value.value)
    finally:
        api[FREE.name](scheme)
    return PowerValue(*values)
