"""Properties from an object of the shell, called through its table of methods."""

import ctypes
from typing import Any

import pytest

from passmuster_collectors.host import windows_shell as shell
from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from tests.support.windows_tables import refusing

NAME = "System.Volume.BitLockerProtection"
GET_VALUE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
RELEASE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Store:
    """An IPropertyStore: a pointer to a table of methods, of which two are there."""

    def __init__(self, kind: int, value: int, code: int = 0) -> None:
        self.released = self.ended = 0
        self._methods = (GET_VALUE(self._get(kind, value, code)), RELEASE(self._release))
        self._table = (ctypes.c_void_p * 8)()
        self._table[5] = ctypes.cast(self._methods[0], ctypes.c_void_p)
        self._table[2] = ctypes.cast(self._methods[1], ctypes.c_void_p)
        self._instance = ctypes.c_void_p(ctypes.addressof(self._table))

    def functions(self, **others: Any) -> dict[str, Any]:
        return {
            "CoInitializeEx": lambda *_: 0,
            "CoUninitialize": self._end,
            "PropVariantClear": lambda _: 0,
            "PSGetPropertyKeyFromName": lambda *_: 0,
            "SHGetPropertyStoreFromParsingName": self._open,
            **others,
        }

    def _open(self, path: str, _: Any, __: int, ___: Any, found: Any) -> int:
        assert path == "C:\\"
        found._obj.value = ctypes.addressof(self._instance)
        return 0

    @staticmethod
    def _get(kind: int, value: int, code: int) -> Any:
        def get(_: int, __: int, place: int) -> int:
            found = shell.PropVariant.from_address(place)
            found.vt, found.lVal = kind, value
            return code

        return get

    def _release(self, _: int) -> int:
        self.released += 1
        return 0

    def _end(self) -> None:
        self.ended += 1


@pytest.mark.parametrize(("kind", "value"), [(shell.SIGNED, 2), (shell.UNSIGNED, 0x7FFFFFFF)])
def test_a_number_is_told_and_the_object_released(kind: int, value: int) -> None:
    store = Store(kind, value)
    assert shell.read_number(store.functions(), "C:\\", NAME) == value
    assert (store.released, store.ended) == (1, 1)


def test_a_thread_that_uses_com_in_another_way_is_left_as_it_is() -> None:
    store = Store(shell.SIGNED, 1)
    functions = store.functions(CoInitializeEx=refusing(-0x7FFEFEFA))  # RPC_E_CHANGED_MODE
    assert shell.read_number(functions, "C:\\", NAME) == 1
    assert store.ended == 0


def test_a_drive_without_the_property_is_missing() -> None:
    with pytest.raises(SourceMissingError):
        shell.read_number(Store(shell.EMPTY, 0).functions(), "C:\\", NAME)


def test_a_text_is_a_conflict() -> None:
    with pytest.raises(SourceConflictError, match="type 31"):
        shell.read_number(Store(31, 1).functions(), "C:\\", NAME)


def test_a_refusal_releases_the_object() -> None:
    store = Store(shell.SIGNED, 1, code=-0x7FF8FFFB)  # E_ACCESSDENIED
    with pytest.raises(SourceDeniedError, match="0x80070005"):
        shell.read_number(store.functions(), "C:\\", NAME)
    assert (store.released, store.ended) == (1, 1)


def test_a_drive_that_is_not_there_is_missing() -> None:
    functions = Store(shell.SIGNED, 1).functions(
        SHGetPropertyStoreFromParsingName=refusing(-0x7FF8FFFE)
    )
    with pytest.raises(SourceMissingError):
        shell.read_number(functions, "C:\\", NAME)
