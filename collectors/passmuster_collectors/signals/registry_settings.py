"""Settings in Windows' registry, in the types that they are written in.

A setting that nobody made is None: whether that means a default is the reader's to know. One of
another type than its documentation says is a conflict, never a guess.
"""

from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive, RegistryValue

LARGEST_NUMBER = 2**32 - 1
"""REG_DWORD has 32 bits."""


def number(host: Host, hive: Hive, key: str, name: str) -> int | None:
    """Return a number, which older programs write as text; None where it is not set."""
    value = _value(host, hive, key, name)
    if isinstance(value, str):
        digits = value.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(LARGEST_NUMBER))):
            raise SourceConflictError(f"{hive}\\{key}\\{name}", "not a number")
        value = int(digits)
    if value is not None and (type(value) is not int or not 0 <= value <= LARGEST_NUMBER):
        raise SourceConflictError(f"{hive}\\{key}\\{name}", "not a number of 32 bits")
    return value


def text(host: Host, hive: Hive, key: str, name: str) -> str | None:
    """Return a text; None where it is not set."""
    value = _value(host, hive, key, name)
    if value is not None and not isinstance(value, str):
        raise SourceConflictError(f"{hive}\\{key}\\{name}", "not a text")
    return value


def value_as_text(host: Host, hive: Hive, key: str, name: str) -> str | None:
    """Return a number or a text as text; None where it is not set."""
    value = _value(host, hive, key, name)
    if value is not None and type(value) not in (int, str):
        raise SourceConflictError(f"{hive}\\{key}\\{name}", "neither a number nor a text")
    return None if value is None else str(value)


def _value(host: Host, hive: Hive, key: str, name: str) -> RegistryValue | None:
    try:
        return host.registry_value(hive, key, name)
    except SourceMissingError:
        return None
