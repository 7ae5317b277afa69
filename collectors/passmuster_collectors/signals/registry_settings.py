"""Settings in Windows' registry, in the types that they are written in.

A setting that nobody made is None: whether that means a default is the reader's to know. One of
another type than its documentation says is a conflict, never a guess.
"""

from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive, RegistryValue

LONGEST_NUMBER = 10
"""Digits of the largest 32-bit number."""


def number(host: Host, hive: Hive, key: str, name: str) -> int | None:
    """Return a number, which older programs write as text; None where it is not set."""
    value = _value(host, hive, key, name)
    if isinstance(value, str):
        digits = value.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER):
            raise SourceConflictError(f"{hive}\\{key}\\{name}", "not a number")
        return int(digits)
    if value is not None and (type(value) is not int or value < 0):
        raise SourceConflictError(f"{hive}\\{key}\\{name}", "not a number")
    return value


def text(host: Host, hive: Hive, key: str, name: str) -> str | None:
    """Return a text; None where it is not set."""
    value = _value(host, hive, key, name)
    if value is not None and not isinstance(value, str):
        raise SourceConflictError(f"{hive}\\{key}\\{name}", "not a text")
    return value


def _value(host: Host, hive: Hive, key: str, name: str) -> RegistryValue | None:
    try:
        return host.registry_value(hive, key, name)
    except SourceMissingError:
        return None
