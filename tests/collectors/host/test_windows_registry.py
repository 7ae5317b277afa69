"""The registry, asked through a simulation of Python's `winreg` as its documentation describes it.

It shows that our side of each call fits, not that Windows answers so.
"""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Self

import pytest

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from passmuster_collectors.host.windows_answers import Hive

NAME = "passmuster_collectors.host.windows_registry"
READ_64 = 0x20019 | 0x100  # KEY_READ | KEY_WOW64_64KEY
KEYS: dict[str, dict[str, tuple[Any, int]]] = {
    "SOFTWARE\\Example": {
        "number": (600, 4),
        "long": (2**40, 11),
        "text": ("C:\\Windows", 1),
        "unexpanded": ("%SystemRoot%", 2),
        "list": (["a", "b"], 7),
        "empty list": (None, 7),
        "bytes": (b"\x01\x02", 3),
        "no bytes": (None, 3),
        "": ("default", 1),
    },
    "SOFTWARE\\Example\\B": {},
    "SOFTWARE\\Example\\A": {},
}


class Key:
    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def opened(root: int, path: str, reserved: int, access: int) -> Key:
    assert (root, reserved, access) == (0x80000002, 0, READ_64)
    if path == "SECURITY":
        raise PermissionError(13, "Access is denied")
    if "\0" in path:
        raise ValueError("embedded null character")
    if path not in KEYS:
        raise FileNotFoundError(2, "The system cannot find the file specified")
    return Key(path)


def value_of(key: Key, name: str) -> tuple[Any, int]:
    if name not in KEYS[key.path]:
        raise FileNotFoundError(2, "The system cannot find the file specified")
    return KEYS[key.path][name]


def below(key: Key) -> list[str]:
    return [path.rpartition("\\")[2] for path in KEYS if path.rpartition("\\")[0] == key.path]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    simulated: Any = ModuleType("winreg")
    simulated.HKEY_LOCAL_MACHINE, simulated.HKEY_USERS = 0x80000002, 0x80000003
    simulated.HKEY_CURRENT_USER = 0x80000001
    simulated.KEY_READ, simulated.KEY_WOW64_64KEY = 0x20019, 0x100
    simulated.REG_SZ, simulated.REG_EXPAND_SZ, simulated.REG_BINARY = 1, 2, 3
    simulated.REG_DWORD, simulated.REG_MULTI_SZ, simulated.REG_QWORD = 4, 7, 11
    simulated.OpenKey, simulated.QueryValueEx = opened, value_of
    simulated.QueryInfoKey = lambda key: (len(below(key)), len(KEYS[key.path]), 0)
    simulated.EnumKey = lambda key, index: below(key)[index]
    monkeypatch.setitem(sys.modules, "winreg", simulated)
    monkeypatch.setattr(sys, "platform", "win32")
    try:
        yield importlib.import_module(NAME)
    finally:
        sys.modules.pop(NAME, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("number", 600),
        ("long", 2**40),
        ("text", "C:\\Windows"),
        ("unexpanded", "%SystemRoot%"),
        ("list", ("a", "b")),
        ("empty list", ()),
        ("bytes", b"\x01\x02"),
        ("no bytes", b""),
        ("", "default"),
    ],
)
def test_a_value_keeps_its_type(registry: Any, name: str, expected: Any) -> None:
    found = registry.value(Hive.LOCAL_MACHINE, "SOFTWARE\\Example", name)
    assert found == expected
    assert type(found) is type(expected)


def test_the_names_of_keys_are_sorted(registry: Any) -> None:
    assert registry.keys(Hive.LOCAL_MACHINE, "SOFTWARE\\Example") == ("A", "B")
    assert registry.keys(Hive.LOCAL_MACHINE, "SOFTWARE\\Example\\A") == ()


@pytest.mark.parametrize(
    ("key", "name", "kind"),
    [
        ("SOFTWARE\\Example", "absent", SourceMissingError),
        ("SOFTWARE\\Absent", "number", SourceMissingError),
        ("SECURITY", "number", SourceDeniedError),
        ("a\0b", "number", SourceConflictError),
    ],
)
def test_what_is_not_there_and_what_is_denied_differ(
    registry: Any, key: str, name: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        registry.value(Hive.LOCAL_MACHINE, key, name)
    if name != "absent":
        with pytest.raises(kind):
            registry.keys(Hive.LOCAL_MACHINE, key)
