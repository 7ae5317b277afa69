"""Windows' announcements, simulated as cfgmgr32.h, netioapi.h and winreg.h document them."""

import threading
from typing import Any

from passmuster_collectors.host.dll import Functions
from passmuster_collectors.host.windows_notifications import NotifyFilter

FILE_NOT_FOUND = 2
NO_MORE_ITEMS = 259
TIMEOUT = 258


class SimulatedNotifications:
    """Keeps the callbacks that are registered; `refused` are the classes that it does not take."""

    def __init__(self, *refused: str) -> None:
        self._refused = set(refused)
        self.devices: dict[str, Any] = {}
        self.networks: dict[str, Any] = {}
        self.ended: list[int] = []

    def functions(self) -> Functions:
        """Return them by name."""
        return {
            "CM_Register_Notification": self._register,
            "CM_Unregister_Notification": self._end,
            "NotifyRouteChange2": lambda *a: self._network("NotifyRouteChange2", *a),
            "NotifyUnicastIpAddressChange": lambda *a: self._network(
                "NotifyUnicastIpAddressChange", *a
            ),
            "CancelMibChangeNotify2": self._end,
        }

    def _register(self, wanted: Any, context: None, callback: Any, place: Any) -> int:
        asked: NotifyFilter = wanted._obj
        assert (asked.cbSize, asked.Flags, asked.FilterType, context) == (416, 0, 0, None)
        name = str(asked.ClassGuid.Data1)
        if name in self._refused:
            return 0x1F
        self.devices[name] = callback
        place._obj.value = 1000 + len(self.devices)
        return 0

    def _network(
        self, name: str, family: int, callback: Any, context: None, first: int, place: Any
    ) -> int:
        assert (family, context, first) == (0, None, 0)
        if name in self._refused:
            return 87
        self.networks[name] = callback
        place._obj.value = 2000 + len(self.networks)
        return 0

    def _end(self, handle: Any) -> int:
        self.ended.append(handle.value)
        return 0


class SimulatedRegistry:
    """Keys that exist and can be waited for; `change` sets the events that are armed on one."""

    def __init__(self, *keys: str) -> None:
        self.keys = {key.lower() for key in keys}
        self.people: list[str] = []
        self.armed = threading.Semaphore(0)
        self._condition = threading.Condition()
        self._opened: dict[int, str] = {}
        self._events: dict[int, bool] = {}
        self._watched: list[tuple[int, str]] = []
        self._next = 0

    def functions(self) -> Functions:
        """Return them by name."""
        return {
            "RegOpenKeyExW": self._open,
            "RegCloseKey": self._close_key,
            "RegEnumKeyExW": self._name,
            "RegNotifyChangeKeyValue": self._arm,
            "CreateEventW": self._event,
            "SetEvent": self._set,
            "CloseHandle": self._close_event,
            "WaitForMultipleObjects": self._wait,
        }

    def change(self, key: str) -> None:
        """Let something happen to a key that is waited for."""
        with self._condition:
            hit = [event for event, name in self._watched if name == key.lower()]
            assert hit, f"nobody waits for {key}"
            self._watched = [each for each in self._watched if each[0] not in hit]
            for event in hit:
                self._events[event] = True
            self._condition.notify_all()

    def watched(self) -> set[str]:
        """Return the keys that are waited for now."""
        with self._condition:
            return {name for _, name in self._watched}

    @property
    def open(self) -> int:
        """How many handles have not been closed."""
        return len(self._opened) + len(self._events)

    def _handle(self) -> int:
        self._next += 1
        return self._next

    def _open(self, root: int, path: str, options: int, rights: int, place: Any) -> int:
        assert (options, rights) == (0, 0x20119)
        name = {0xFFFFFFFF80000002: "hklm", 0xFFFFFFFF80000003: "hku"}[root]
        full = f"{name}\\{path}".rstrip("\\").lower()
        if path and full not in self.keys:
            return FILE_NOT_FOUND
        with self._condition:
            handle = self._handle()
            self._opened[handle] = full
        place._obj.value = handle
        return 0

    def _close_key(self, key: Any) -> int:
        with self._condition:
            del self._opened[key.value]
        return 0

    def _name(self, key: Any, index: int, name: Any, length: Any, *rest: None) -> int:
        assert self._opened[key.value] == "hku"
        assert rest == (None,) * 4
        if index >= len(self.people):
            return NO_MORE_ITEMS
        text = self.people[index]
        encoded = text.encode("utf-16-le")
        name[: len(encoded)] = encoded
        length._obj.value = len(text)
        return 0

    def _arm(self, key: Any, below: bool, what: int, event: int, is_asynchronous: bool) -> int:
        assert (what, is_asynchronous) == (0x10000005, True)
        with self._condition:
            self._watched.append((event, self._opened[key.value]))
        return 0

    def _event(self, attributes: None, manual: bool, initial: bool, name: None) -> int:
        assert (attributes, manual, initial, name) == (None, True, False, None)
        with self._condition:
            handle = self._handle()
            self._events[handle] = False
        return handle

    def _set(self, event: int) -> int:
        with self._condition:
            self._events[event] = True
            self._condition.notify_all()
        return 1

    def _close_event(self, event: int) -> int:
        with self._condition:
            del self._events[event]
            self._watched = [each for each in self._watched if each[0] != event]
        return 1

    def _wait(self, count: int, handles: Any, everything: bool, milliseconds: int) -> int:
        assert not everything
        assert len(handles) == count
        wanted = list(handles)
        self.armed.release()
        with self._condition:
            self._condition.wait_for(
                lambda: any(self._events[each] for each in wanted), milliseconds / 1000
            )
            found = [number for number, each in enumerate(wanted) if self._events[each]]
        return found[0] if found else TIMEOUT
