"""What the error numbers of Windows' interfaces say about a source (winerror.h)."""

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.host.dll import Function, Functions, load

FILE_NOT_FOUND, PATH_NOT_FOUND, ACCESS_DENIED, NOT_SUPPORTED = 2, 3, 5, 50
MORE_DATA, NO_MORE_FILES, WAIT_TIMEOUT = 234, 18, 258
SERVICE_DOES_NOT_EXIST, SERVICE_NOT_ACTIVE, NOT_FOUND, TIMEOUT = 1060, 1062, 1168, 1460
PRIVILEGE_NOT_HELD = 1314

DENIED = frozenset({ACCESS_DENIED, PRIVILEGE_NOT_HELD})
MISSING = frozenset(
    {
        FILE_NOT_FOUND,
        PATH_NOT_FOUND,
        NOT_SUPPORTED,
        SERVICE_DOES_NOT_EXIST,
        SERVICE_NOT_ACTIVE,
        NOT_FOUND,
    }
)
LATE = frozenset({WAIT_TIMEOUT, TIMEOUT})


def from_code(name: str, code: int) -> SourceError:
    """Return the refusal of source `name` for a system error code; what is unknown is a conflict.

    An interface that is not there and a service that does not run are missing.
    """
    detail = f"error {code & 0xFFFFFFFF:#x}" if code < 0 or code > 0xFFFF else f"error {code}"
    if code in DENIED:
        return SourceDeniedError(name, detail)
    if code in MISSING:
        return SourceMissingError(name, detail)
    if code in LATE:
        return SourceTimeoutError(name, detail)
    return SourceConflictError(name, detail)


def check(name: str, code: int) -> None:
    """Raise the refusal for every system error code but 0."""
    if code:
        raise from_code(name, code)


def functions(name: str, *wanted: Function) -> Functions:
    """Return the functions by their names; source `name` is `missing` where Windows lacks one."""
    try:
        return load(*wanted)
    except OSError:
        raise SourceMissingError(name, "not a part of this Windows") from None
