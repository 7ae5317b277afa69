"""Tells Windows of a changed screen saver, which it reads from the registry at sign-in alone."""

import ctypes
from collections.abc import Mapping

from passmuster_collectors.host.dll import BOOL, DWORD, POINTER, Function, Functions

SET_TIMEOUT, SET_ACTIVE, SET_SECURE = 0x0F, 0x11, 0x77
SEND_CHANGE = 0x2
"""SPIF_SENDCHANGE: the others are told; the registry is left as it was written."""

FUNCTIONS = (Function("user32.dll", "SystemParametersInfoW", BOOL, (DWORD, DWORD, POINTER, DWORD)),)
BY_NAME = {
    "ScreenSaveTimeOut": SET_TIMEOUT,
    "ScreenSaveActive": SET_ACTIVE,
    "ScreenSaverIsSecure": SET_SECURE,
}


def take_over(windows: Functions, changed: Mapping[str, str]) -> bool:
    """Have the changed values count at once; return whether Windows took them all."""
    taken = [
        windows["SystemParametersInfoW"](action, int(changed[name]), ctypes.c_void_p(), SEND_CHANGE)
        for name, action in BY_NAME.items()
        if name in changed
    ]
    return all(taken)
