"""The settings of the active power scheme, and how this computer sleeps (powrprof.h)."""

import ctypes

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.dll import (
    BYTE,
    DWORD,
    HANDLE,
    POINTER,
    Function,
    Functions,
    guid,
    last_error,
)
from passmuster_collectors.host.windows_answers import PowerCapabilities, PowerValue
from passmuster_collectors.host.windows_errors import check, from_code, functions

SOURCE = "power scheme"

ACTIVE = Function("powrprof.dll", "PowerGetActiveScheme", DWORD, (HANDLE, POINTER))
AC = Function(
    "powrprof.dll", "PowerReadACValueIndex", DWORD, (HANDLE, POINTER, POINTER, POINTER, POINTER)
)
DC = Function(
    "powrprof.dll", "PowerReadDCValueIndex", DWORD, (HANDLE, POINTER, POINTER, POINTER, POINTER)
)
FREE = Function("kernel32.dll", "LocalFree", HANDLE, (HANDLE,))
CAPABILITIES = Function("powrprof.dll", "GetPwrCapabilities", BYTE, (POINTER,))
FUNCTIONS = (ACTIVE, AC, DC, FREE, CAPABILITIES)


class SystemPowerCapabilities(ctypes.Structure):
    """`SYSTEM_POWER_CAPABILITIES`, as it is since Windows 8; what is not read is left unnamed."""

    _fields_ = (
        ("before_aoac", BYTE * 20),
        ("AoAc", BYTE),
        ("after_aoac", BYTE * 9),
        ("SystemBatteriesPresent", BYTE),
        ("BatteriesAreShortTerm", BYTE),
        ("BatteryScale", DWORD * 2 * 3),
        ("wake", DWORD * 5),
    )


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


def capabilities() -> PowerCapabilities:
    """Return how this computer sleeps and whether it has a battery. Raises `SourceError`."""
    return read_capabilities(functions("power capabilities", *FUNCTIONS))


def read_capabilities(api: Functions) -> PowerCapabilities:
    """Return the same as the given functions tell it. Raises `SourceError`."""
    found = SystemPowerCapabilities()
    if not api[CAPABILITIES.name](ctypes.byref(found)):
        raise from_code("power capabilities", last_error())
    return PowerCapabilities(bool(found.AoAc), bool(found.SystemBatteriesPresent))
