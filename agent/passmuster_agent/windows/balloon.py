"""A notification from the taskbar's notification area (shellapi.h, winuser.h).

It belongs to an icon, and an icon to a window: one for messages alone, which nobody sees and which
hears no broadcast that somebody waits for. Windows 10 and later show the notification as they show
others, and keep to what the person chose for quiet times.
"""

import ctypes
from enum import IntEnum

from passmuster_collectors.host.dll import (
    BOOL,
    DWORD,
    HANDLE,
    POINTER,
    TEXT,
    WORD,
    Function,
    Functions,
    Guid,
    error_of,
)

ADD, MODIFY, DELETE = 0, 1, 2
WITH_ICON, WITH_TIP, WITH_INFO = 0x2, 0x4, 0x10
RESPECT_QUIET_TIME = 0x80
MESSAGES_ALONE = ctypes.c_void_p(-3).value  # HWND_MESSAGE

TIP_LETTERS, INFO_LETTERS, TITLE_LETTERS = 128, 256, 64
"""In UTF-16, the NUL at the end included."""

I32 = ctypes.c_int32
FUNCTIONS = (
    Function("shell32.dll", "Shell_NotifyIconW", BOOL, (DWORD, POINTER)),
    Function(
        "user32.dll",
        "CreateWindowExW",
        HANDLE,
        (DWORD, TEXT, TEXT, DWORD, I32, I32, I32, I32, HANDLE, HANDLE, HANDLE, POINTER),
    ),
    Function("user32.dll", "DestroyWindow", BOOL, (HANDLE,)),
    Function("user32.dll", "LoadIconW", HANDLE, (HANDLE, POINTER)),
)


class Look(IntEnum):
    """NIIF_WARNING and NIIF_ERROR: the sign beside the words."""

    WARNING = 2
    ERROR = 3


ICONS = {Look.WARNING: 32515, Look.ERROR: 32513}
"""IDI_WARNING and IDI_ERROR of winuser.h."""


class NotifyIconData(ctypes.Structure):
    """NOTIFYICONDATAW."""

    _fields_ = (
        ("cbSize", DWORD),
        ("hWnd", HANDLE),
        ("uID", DWORD),
        ("uFlags", DWORD),
        ("uCallbackMessage", DWORD),
        ("hIcon", HANDLE),
        ("szTip", WORD * TIP_LETTERS),
        ("dwState", DWORD),
        ("dwStateMask", DWORD),
        ("szInfo", WORD * INFO_LETTERS),
        ("uVersion", DWORD),
        ("szInfoTitle", WORD * TITLE_LETTERS),
        ("dwInfoFlags", DWORD),
        ("guidItem", Guid),
        ("hBalloonIcon", HANDLE),
    )


class Balloon:
    """The one notification of this process; to be used from one thread alone."""

    def __init__(self, windows: Functions) -> None:
        self._windows = windows
        self._window: int | None = None

    def show(self, name: str, title: str, text: str, look: Look) -> None:
        """Show it in the place of the one before. Raises `OSError`.

        What is longer than Windows has room for is cut.
        """
        is_new = self._window is None
        if self._window is None:
            self._window = self._windows["CreateWindowExW"](
                *(0, "STATIC", name, 0, 0, 0, 0, 0, MESSAGES_ALONE, None, None, None)
            )
            if not self._window:
                self._window = None
                raise error_of("CreateWindowExW")
        data = self._data(self._window)
        data.uFlags = WITH_ICON | WITH_TIP | WITH_INFO
        data.hIcon = self._windows["LoadIconW"](None, ICONS[look])
        data.dwInfoFlags = look | RESPECT_QUIET_TIME
        data.szTip = _letters(name, TIP_LETTERS)
        data.szInfoTitle = _letters(title, TITLE_LETTERS)
        data.szInfo = _letters(text, INFO_LETTERS)
        if not self._windows["Shell_NotifyIconW"](ADD if is_new else MODIFY, ctypes.byref(data)):
            self.take_away()
            raise error_of("Shell_NotifyIconW", 0)

    def take_away(self) -> None:
        """Take it away, the icon included; nothing happens where there is none."""
        if self._window is not None:
            data = self._data(self._window)
            self._windows["Shell_NotifyIconW"](DELETE, ctypes.byref(data))
            self._windows["DestroyWindow"](self._window)
            self._window = None

    @staticmethod
    def _data(window: int) -> NotifyIconData:
        return NotifyIconData(cbSize=ctypes.sizeof(NotifyIconData), hWnd=window, uID=1)


def _letters(text: str, room: int) -> "ctypes.Array[WORD]":
    """Return a text as UTF-16 with a NUL; no letter of two halves is cut through."""
    raw = text.encode("utf-16-le", "replace")[: 2 * (room - 1)]
    whole = raw.decode("utf-16-le", "ignore").encode("utf-16-le")
    return (WORD * room).from_buffer_copy(whole.ljust(2 * room, b"\0"))
