"""The registry keys that say when screens lock and sessions end, heard as they change.

RegNotifyChangeKeyValue (winreg.h) tells of one change, so the keys are opened and armed anew after
each. What changes in between is not missed: it is told only once the keys are armed again.
"""

import ctypes
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from passmuster_collectors.host.dll import (
    BOOL,
    DWORD,
    HANDLE,
    LONG,
    POINTER,
    TEXT,
    Function,
    Functions,
)
from passmuster_collectors.host.events import SETTINGS

LOCAL_MACHINE = 0xFFFF_FFFF_8000_0002
USERS = 0xFFFF_FFFF_8000_0003
"""HKEY_LOCAL_MACHINE and HKEY_USERS of winreg.h, as wide as a pointer."""

READ = 0x0002_0019
VIEW_64 = 0x0100
CHANGED_NAMES, CHANGED_VALUES = 0x1, 0x4
ANY_THREAD = 0x1000_0000
"""REG_NOTIFY_THREAD_AGNOSTIC: it lasts longer than the thread that asked."""

MOST_HANDLES = 64
"""MAXIMUM_WAIT_OBJECTS; one of them tells this thread to end."""

WAIT_TIMEOUT = 258
LONGEST_NAME = 256
MAX_SUBKEYS = 1024
AGAIN_S = 60.0
PERSON = re.compile(r"S-1-(?:5-21|12-1)(?:-\d+)+")
"""People of a computer or a domain, and of Entra ID; services and `_Classes` are not."""

COMPUTER = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System",
    r"SOFTWARE\Microsoft\PolicyManager\current\device\DeviceLock",
    r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services",
    r"SOFTWARE\Policies\Microsoft\Power\PowerSettings",
    r"SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes",
)
PERSONAL = (
    r"Control Panel\Desktop",
    r"Software\Policies\Microsoft\Windows\Control Panel\Desktop",
    r"Software\Microsoft\Windows\CurrentVersion\Policies\System",
)

FUNCTIONS = (
    Function("advapi32.dll", "RegOpenKeyExW", LONG, (HANDLE, TEXT, DWORD, DWORD, POINTER)),
    Function("advapi32.dll", "RegCloseKey", LONG, (HANDLE,)),
    Function(
        "advapi32.dll",
        "RegEnumKeyExW",
        LONG,
        (HANDLE, DWORD, POINTER, POINTER, POINTER, POINTER, POINTER, POINTER),
    ),
    Function("advapi32.dll", "RegNotifyChangeKeyValue", LONG, (HANDLE, BOOL, DWORD, HANDLE, BOOL)),
    Function("kernel32.dll", "CreateEventW", HANDLE, (POINTER, BOOL, BOOL, TEXT)),
    Function("kernel32.dll", "SetEvent", BOOL, (HANDLE,)),
    Function("kernel32.dll", "CloseHandle", BOOL, (HANDLE,)),
    Function("kernel32.dll", "WaitForMultipleObjects", DWORD, (DWORD, POINTER, BOOL, DWORD)),
)

Tell = Callable[..., None]


class SettingsThread:
    """Tells `settings` after every change, from a thread of its own. Raises `OSError`."""

    def __init__(self, windows: Functions, tell: Tell) -> None:
        self._windows = windows
        self._tell = tell
        if "CreateEventW" not in windows:
            raise OSError(0, "not a part of this Windows")
        self._end = windows["CreateEventW"](None, True, False, None)
        if not self._end:
            raise OSError(0, "no event can be made")
        self._thread = threading.Thread(target=self._run, name="settings", daemon=True)
        self._thread.start()

    def is_working(self) -> bool:
        """Whether changes are still waited for."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the thread and wait for it."""
        self._windows["SetEvent"](self._end)
        self._thread.join()
        self._windows["CloseHandle"](self._end)

    def _run(self) -> None:
        changed = False
        before: list[str] | None = None
        while True:
            armed = list(self._armed())
            names = [name for name, _, _ in armed]
            try:
                # A key that does not exist can't be armed: one that has appeared is a change too.
                if changed or before not in (None, names):
                    self._tell(SETTINGS)
                before = names
                events = [self._end, *(event for _, _, event in armed)]
                handles = (HANDLE * len(events))(*events)
                found = self._windows["WaitForMultipleObjects"](
                    len(events), handles, False, int(AGAIN_S * 1000)
                )
                if not 0 < found < len(events) and found != WAIT_TIMEOUT:
                    return
                changed = found != WAIT_TIMEOUT
            finally:
                for _, key, event in armed:
                    self._windows["RegCloseKey"](key)
                    self._windows["CloseHandle"](event)

    def _armed(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield path, key and event of what could be opened; a change of the key sets the event."""
        people = self._people()
        wanted = [(LOCAL_MACHINE, path, True) for path in COMPUTER]
        wanted += [(USERS, "", False)]
        wanted += [(USERS, rf"{sid}\{path}", False) for sid in people for path in PERSONAL]
        for root, path, below in wanted[: MOST_HANDLES - 1]:
            key = self._opened(root, path)
            if key is None:
                continue
            event = self._windows["CreateEventW"](None, True, False, None)
            what = CHANGED_NAMES | CHANGED_VALUES | ANY_THREAD
            if event and not self._windows["RegNotifyChangeKeyValue"](
                key, below, what, event, True
            ):
                yield path, key, event
                continue
            if event:
                self._windows["CloseHandle"](event)
            self._windows["RegCloseKey"](key)

    def _people(self) -> list[str]:
        """Return the people whose settings are loaded: whoever is logged in."""
        key = self._opened(USERS, "")
        if key is None:
            return []
        found = []
        try:
            for index in range(MAX_SUBKEYS):
                name = ctypes.create_string_buffer(2 * LONGEST_NAME)
                length = DWORD(LONGEST_NAME)
                if self._windows["RegEnumKeyExW"](
                    key, index, name, ctypes.byref(length), None, None, None, None
                ):
                    break
                text = name.raw[: 2 * length.value].decode("utf-16-le", "replace")
                if PERSON.fullmatch(text):
                    found.append(text)
        finally:
            self._windows["RegCloseKey"](key)
        return found

    def _opened(self, root: int, path: str) -> Any:
        key = HANDLE()
        failed = self._windows["RegOpenKeyExW"](root, path, 0, READ | VIEW_64, ctypes.byref(key))
        return None if failed else key
