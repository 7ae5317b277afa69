"""What Windows starts in every person's session when they sign in: the `Run` key of the computer.

Only administrators may write it. A person can switch an entry off for themselves (Settings, Apps,
Startup), which a companion may be: the agent reads without one what it can.
"""

import ctypes

from passmuster_collectors.host.dll import (
    DWORD,
    HANDLE,
    LONG,
    POINTER,
    TEXT,
    Function,
    Functions,
    error_of,
)

LOCAL_MACHINE = 0xFFFF_FFFF_8000_0002
"""HKEY_LOCAL_MACHINE of winreg.h, as wide as a pointer."""

RUN = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
NAME = "passmuster-companion"
SET_VALUE, VIEW_64 = 0x2, 0x100
TEXT_VALUE = 1  # REG_SZ
SUCCESS, FILE_NOT_FOUND = 0, 2
LONGEST_LINE = 260
"""What Windows reads of an entry at most, as the documentation of the key says."""

FUNCTIONS = (
    Function("advapi32.dll", "RegOpenKeyExW", LONG, (HANDLE, TEXT, DWORD, DWORD, POINTER)),
    Function("advapi32.dll", "RegSetValueExW", LONG, (HANDLE, TEXT, DWORD, DWORD, POINTER, DWORD)),
    Function("advapi32.dll", "RegDeleteValueW", LONG, (HANDLE, TEXT)),
    Function("advapi32.dll", "RegCloseKey", LONG, (HANDLE,)),
)


class LogonProgram:
    """The entry for the companion. All raise `OSError`."""

    def __init__(self, windows: Functions) -> None:
        self._windows = windows

    def add(self, line: str) -> None:
        """Have that command line started from the next sign-in on."""
        if len(line) > LONGEST_LINE:
            raise OSError(0, f"a command line of more than {LONGEST_LINE} letters is not started")
        data = line.encode("utf-16-le") + b"\0\0"
        held = ctypes.create_string_buffer(data, len(data))
        key = self._opened()
        try:
            error = self._windows["RegSetValueExW"](key, NAME, 0, TEXT_VALUE, held, len(data))
            if error != SUCCESS:
                raise error_of("RegSetValueExW", error)
        finally:
            self._windows["RegCloseKey"](key)

    def remove(self) -> None:
        """Have it started no more; nothing happens where there is none."""
        key = self._opened()
        try:
            error = self._windows["RegDeleteValueW"](key, NAME)
            if error not in {SUCCESS, FILE_NOT_FOUND}:
                raise error_of("RegDeleteValueW", error)
        finally:
            self._windows["RegCloseKey"](key)

    def _opened(self) -> HANDLE:
        key = HANDLE()
        error = self._windows["RegOpenKeyExW"](
            LOCAL_MACHINE, RUN, 0, SET_VALUE | VIEW_64, ctypes.byref(key)
        )
        if error != SUCCESS:
            raise error_of("RegOpenKeyExW", error)
        return key
