"""Where Windows wants programs to keep their data."""

import ctypes
from pathlib import Path

from passmuster_collectors.host.dll import (
    DWORD,
    HANDLE,
    POINTER,
    Function,
    Functions,
    error_of,
    guid,
    load,
)

PROGRAM_DATA = "62ab5d82-fdc1-4dc3-a9dd-070d1d495d97"
"""FOLDERID_ProgramData of knownfolders.h: what belongs to the computer."""

LOCAL_APP_DATA = "f1b32785-6fba-4fcf-9d55-7b8e7f157091"
"""FOLDERID_LocalAppData: what belongs to one person and stays on this computer."""

FUNCTIONS = (
    Function("shell32.dll", "SHGetKnownFolderPath", DWORD, (POINTER, DWORD, HANDLE, POINTER)),
    Function("ole32.dll", "CoTaskMemFree", None, (POINTER,)),
)


def known_folder(folder: str, functions: Functions | None = None) -> Path:
    """Return the path of a known folder, never taken from the environment. Raises `OSError`."""
    windows = functions or load(*FUNCTIONS)
    wanted = guid(folder)
    found = ctypes.c_wchar_p()
    result = windows["SHGetKnownFolderPath"](ctypes.byref(wanted), 0, None, ctypes.byref(found))
    try:
        if result != 0 or not found.value:
            raise error_of(f"the folder {folder}", result)
        return Path(found.value)
    finally:
        windows["CoTaskMemFree"](found)
