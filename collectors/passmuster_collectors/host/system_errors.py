"""What an error of the operating system says about a source."""

import errno

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)

DENIED = frozenset({errno.EACCES, errno.EPERM})
MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO, errno.ESRCH})


def from_os_error(name: str, error: OSError) -> SourceError:
    """Return the refusal of source `name` for an `OSError`, its detail the symbolic errno.

    What is neither denied, missing nor too late contradicts what the source promises to be
    (`EIO`, `EINVAL`, `EISDIR`, `ELOOP`), which is a conflict. The error's own text is left out: it
    can name what a path does not.
    """
    code = error.errno
    detail = errno.errorcode.get(code, "") if code is not None else ""
    if code in DENIED or isinstance(error, PermissionError):
        return SourceDeniedError(name, detail)
    if code in MISSING:
        return SourceMissingError(name, detail)
    if code == errno.ETIMEDOUT or isinstance(error, TimeoutError):
        return SourceTimeoutError(name, detail)
    return SourceConflictError(name, detail)
