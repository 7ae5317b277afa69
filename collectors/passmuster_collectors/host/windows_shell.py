"""Properties of files and drives by the shell's property system (shobjidl.h, propsys.h)."""

import ctypes
from collections.abc import Callable
from typing import Any

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.dll import (
    DWORD,
    LONG,
    POINTER,
    TEXT,
    WORD,
    Function,
    Functions,
    Guid,
    guid,
)
from passmuster_collectors.host.windows_errors import functions

START = Function("ole32.dll", "CoInitializeEx", LONG, (POINTER, DWORD))
END = Function("ole32.dll", "CoUninitialize", None, ())
CLEAR = Function("ole32.dll", "PropVariantClear", LONG, (POINTER,))
KEY = Function("propsys.dll", "PSGetPropertyKeyFromName", LONG, (TEXT, POINTER))
STORE = Function(
    "shell32.dll",
    "SHGetPropertyStoreFromParsingName",
    LONG,
    (TEXT, POINTER, DWORD, POINTER, POINTER),
)
FUNCTIONS = (START, END, CLEAR, KEY, STORE)

PROPERTY_STORE = "886d8eeb-8cf2-4446-8d02-cdba1dbdcf99"  # IID_IPropertyStore
APARTMENT = 0x2  # COINIT_APARTMENTTHREADED
RELEASE, GET_VALUE = 2, 5  # their places among the methods of IPropertyStore
EMPTY, SIGNED, UNSIGNED = 0, 3, 19  # VT_EMPTY, VT_I4, VT_UI4

DENIED = 0x80070005  # E_ACCESSDENIED
# No such file, path or property; no property store for this kind of thing.
MISSING = frozenset({0x80070002, 0x80070003, 0x8002802B, 0x80004001})


class PropertyKey(ctypes.Structure):
    """`PROPERTYKEY`."""

    _fields_ = (("fmtid", Guid), ("pid", DWORD))


class PropVariant(ctypes.Structure):
    """`PROPVARIANT`: a type and, eight bytes further, the value or a pointer to it."""

    _fields_ = (
        ("vt", WORD),
        ("wReserved1", WORD),
        ("wReserved2", WORD),
        ("wReserved3", WORD),
        ("lVal", LONG),
        ("rest", POINTER),
    )


def number(path: str, name: str) -> int:
    """Return a property of `path` that is a number. Raises `SourceError`."""
    return read_number(functions(name, *FUNCTIONS), path, name)


def read_number(api: Functions, path: str, name: str) -> int:
    """Return the property as the given functions tell it. Raises `SourceError`."""
    key = PropertyKey()
    _check(name, api[KEY.name](name, ctypes.byref(key)))
    # Negative where this thread already uses COM in another way, which serves as well.
    started = api[START.name](None, APARTMENT) >= 0
    try:
        return _from_store(api, path, name, key)
    finally:
        if started:
            api[END.name]()


def _from_store(api: Functions, path: str, name: str, key: PropertyKey) -> int:
    store, wanted = POINTER(), guid(PROPERTY_STORE)
    _check(
        name,
        api[STORE.name](path, None, 0, ctypes.byref(wanted), ctypes.byref(store)),
    )
    if not store.value:
        raise SourceConflictError(name, "no property store")
    try:
        value = PropVariant()
        get_value = _method(store.value, GET_VALUE, POINTER, POINTER)
        _check(name, get_value(store, ctypes.byref(key), ctypes.byref(value)))
        kind, found = value.vt, value.lVal
        api[CLEAR.name](ctypes.byref(value))
    finally:
        _method(store.value, RELEASE)(store)
    if kind == EMPTY:
        raise SourceMissingError(name, "not told")
    if kind not in {SIGNED, UNSIGNED}:
        raise SourceConflictError(name, f"a value of type {kind}")
    return int(found) if kind == SIGNED else int(found) & 0xFFFFFFFF


def _method(instance: int, place: int, *arguments: Any) -> Callable[..., int]:
    """Return a method of an object: its first word points at the table of its methods."""
    table = POINTER.from_address(instance).value or 0
    address = POINTER.from_address(table + place * ctypes.sizeof(POINTER)).value or 0
    # 64-bit Windows has one calling convention, and so this is the same for every function.
    return ctypes.CFUNCTYPE(LONG, POINTER, *arguments)(address)


def _check(name: str, code: int) -> None:
    """Raise the refusal for an `HRESULT` that is a failure (winerror.h)."""
    if code < 0:
        raise _refusal(name, code & 0xFFFFFFFF)


def _refusal(name: str, code: int) -> SourceError:
    detail = f"{code:#010x}"
    if code == DENIED:
        return SourceDeniedError(name, detail)
    return (
        SourceMissingError(name, detail) if code in MISSING else SourceConflictError(name, detail)
    )
