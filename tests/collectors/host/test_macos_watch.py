"""What a Mac's watch does that any system can show; IOKit and the route socket are stood in for."""

import ctypes
import socket
from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.host import macos_watch
from passmuster_collectors.host.events import Events
from passmuster_collectors.host.macos_watch import LookingWatch, RouteWatch, UsbDevices


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_changed_is_told_at_the_next_look_and_once() -> None:
    clock, seen = Clock(), {"usb": 1, "mount": 1}
    watch = LookingWatch({"usb": lambda: seen["usb"], "mount": lambda: seen["mount"]}, clock)
    seen["usb"] = 2
    assert watch.read() == Events(), "it is not time yet"
    assert watch.next_at() == 105.0
    clock.now = 105.0
    assert watch.read() == Events(frozenset({"usb"}))
    clock.now = 110.0
    assert watch.read() == Events()


def test_an_answer_that_cannot_be_had_is_told_when_it_changes() -> None:
    clock, refusing = Clock(), [True]

    def look() -> int:
        if refusing[0]:
            raise PermissionError
        return 1

    watch = LookingWatch({"settings": look}, clock)
    clock.now = 105.0
    assert watch.read() == Events()
    refusing[0] = False
    clock.now = 110.0
    assert watch.read() == Events(frozenset({"settings"}))


def test_it_delivers_what_it_looks_at() -> None:
    watch = LookingWatch({"usb": lambda: 1}, Clock())
    assert watch.delivers("usb")
    assert not watch.delivers("route")
    assert watch.descriptors() == ()
    watch.close()


def test_preferences_that_say_when_the_screen_locks_are_looked_at(tmp_path: Path) -> None:
    preferences = tmp_path / "com.apple.screensaver.plist"
    before = macos_watch.settings((tmp_path,))
    preferences.write_bytes(b"one")
    written = macos_watch.settings((tmp_path,))
    (tmp_path / "other").write_bytes(b"two")
    (tmp_path / "other").replace(preferences)
    replaced = macos_watch.settings((tmp_path,))
    (tmp_path / "com.example.editor.plist").write_bytes(b"any program's")
    assert len({before, written, replaced}) == 3
    assert macos_watch.settings((tmp_path,)) == replaced


def test_mounts_interfaces_and_the_console_are_the_same_when_nothing_happens() -> None:
    assert macos_watch.mounts() == macos_watch.mounts()
    assert macos_watch.interfaces() == macos_watch.interfaces()


def test_a_message_about_routes_is_heard_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.setattr("passmuster_collectors.host.macos_watch.socket.socket", lambda *_: ours)
    watch = RouteWatch()
    assert watch.descriptors() == (ours.fileno(),)
    assert watch.read() == Events()
    kernel.send(b"rt_msghdr")
    kernel.send(b"ifa_msghdr")
    assert watch.read() == Events(frozenset({"route"}))
    assert watch.read() == Events()
    watch.close()
    kernel.close()


def test_without_the_socket_routes_are_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr("passmuster_collectors.host.macos_watch.socket.socket", refuse)
    watch = RouteWatch()
    assert watch.descriptors() == ()
    assert not watch.delivers("route")
    assert watch.read() == Events()


class Function:
    """A function of IOKit, which takes the types that are declared for it."""

    restype: Any = None
    argtypes: Any = None

    def __init__(self, call: Any) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)


class IOKit:
    """IOKit with devices by their registry number."""

    def __init__(self, *numbers: int, failed: int = 0) -> None:
        self.open: set[int] = set()
        self._left = list(numbers)
        self._failed = failed
        self.IOServiceMatching = Function(lambda name: 1 if name == b"IOUSBHostDevice" else 0)
        self.IOServiceGetMatchingServices = Function(self._matching)
        self.IOIteratorNext = Function(self._next)
        self.IORegistryEntryGetRegistryEntryID = Function(self._number)
        self.IOObjectRelease = Function(self._release)

    def _matching(self, port: int, matching: int, place: Any) -> int:
        assert (port, matching) == (0, 1)
        self.open.add(77)
        place._obj.value = 77
        return self._failed

    def _next(self, iterator: Any) -> int:
        if not self._left:
            return 0
        number = self._left.pop(0)
        self.open.add(number)
        return number

    def _number(self, device: int, place: Any) -> int:
        place._obj.value = 2**32 + device
        return 0

    def _release(self, entry: Any) -> int:
        self.open.remove(entry.value if isinstance(entry, ctypes.c_uint32) else entry)
        return 0


def test_usb_devices_are_told_apart_by_their_registry_number() -> None:
    iokit: Any = IOKit(5, 6)
    assert UsbDevices(iokit).numbers() == {2**32 + 5, 2**32 + 6}
    assert iokit.open == set(), "everything is released"


def test_an_iokit_that_fails_is_an_error() -> None:
    iokit: Any = IOKit(failed=0x2C2)
    with pytest.raises(OSError, match="IOServiceGetMatchingServices"):
        UsbDevices(iokit).numbers()
