"""The registry, in the view that 64-bit programs have of it (winreg, winnt.h)."""

import sys

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.system_errors import from_os_error
from passmuster_collectors.host.windows_answers import Hive, RegistryValue

assert sys.platform == "win32"  # noqa: S101 - the type checker reads it too

import winreg  # noqa: E402 - Windows alone has it

ROOTS = {
    Hive.LOCAL_MACHINE: winreg.HKEY_LOCAL_MACHINE,
    Hive.USERS: winreg.HKEY_USERS,
    Hive.CURRENT_USER: winreg.HKEY_CURRENT_USER,
}
ACCESS = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
MAX_KEYS = 65_536

NUMBERS = frozenset({winreg.REG_DWORD, winreg.REG_QWORD})
TEXTS = frozenset({winreg.REG_SZ, winreg.REG_EXPAND_SZ})


def value(hive: Hive, key: str, name: str) -> RegistryValue:
    """Return a value by its type. Raises `SourceError`."""
    source = f"{hive}\\{key}\\{name}"
    try:
        with winreg.OpenKey(ROOTS[hive], key, 0, ACCESS) as opened:
            found, kind = winreg.QueryValueEx(opened, name)
    except OSError as error:
        raise from_os_error(source, error) from None
    except ValueError:
        raise SourceConflictError(source, "not a name") from None
    if kind in NUMBERS:
        return int(found)
    if kind in TEXTS:
        return str(found)
    if kind == winreg.REG_MULTI_SZ:
        return tuple(found or ())
    return bytes(found or b"")


def keys(hive: Hive, key: str) -> tuple[str, ...]:
    """Return the names of a key's subkeys, sorted. Raises `SourceError`."""
    source = f"{hive}\\{key}"
    try:
        with winreg.OpenKey(ROOTS[hive], key, 0, ACCESS) as opened:
            count = winreg.QueryInfoKey(opened)[0]
            if count > MAX_KEYS:
                raise SourceConflictError(source, f"more than {MAX_KEYS} keys")
            return tuple(sorted(winreg.EnumKey(opened, index) for index in range(count)))
    except OSError as error:
        raise from_os_error(source, error) from None
    except ValueError:
        raise SourceConflictError(source, "not a name") from None
