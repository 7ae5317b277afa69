"""Whether a file system encrypts what is in a folder (fscrypt of ext4, f2fs and UBIFS).

`FS_IOC_GET_ENCRYPTION_POLICY_EX` (https://docs.kernel.org/filesystems/fscrypt.html) answers whoever
may open the folder. The answer holds no key.
"""

import errno
import os
import struct
import sys

from passmuster_collectors.host.system_errors import from_os_error

# Before what only Linux has, which the type checker does not look for elsewhere.
assert sys.platform == "linux"  # noqa: S101 - see above

import fcntl  # noqa: E402 - see above

GET_POLICY = 0xC0096616
"""`_IOWR('f', 22, __u8[9])`."""

POLICY = struct.Struct("=Q24x")
"""The size of what follows, and room for a policy of the second version."""

NO_POLICY = frozenset({errno.ENODATA, errno.ENOTTY, errno.EOPNOTSUPP})
"""Not encrypted, or a file system that can't."""


def is_encrypted(path: str) -> bool:
    """Return whether the folder has an encryption policy. Raises `SourceError`."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            fcntl.ioctl(opened, GET_POLICY, bytearray(POLICY.pack(POLICY.size - 8)))
        finally:
            os.close(opened)
    except OSError as error:
        if error.errno in NO_POLICY:
            return False
        raise from_os_error(path, error) from None
    return True
