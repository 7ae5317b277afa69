"""What Linux and macOS have in common: files and accounts."""

import os
import pwd
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

from passmuster_collectors.host.answers import Account, FileStatus
from passmuster_collectors.host.base import SourceConflictError, SourceMissingError
from passmuster_collectors.host.files import Files
from passmuster_collectors.host.machine import Machine
from passmuster_collectors.host.system_errors import from_os_error

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too


class PosixHost(Files, Machine):
    """The part of a machine that Linux and macOS share."""

    @property
    def uid(self) -> int:
        """The numeric user this process runs as; 0 is root."""
        return os.geteuid()

    def read_file(self, path: str, *, limit: int = 1_048_576) -> bytes:
        """Return the whole file; `conflict` when it is larger than `limit` or no regular file."""
        try:
            # A pipe that someone put in a file's place must not hold the reader up.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise SourceConflictError(path, "not a regular file")
                # Files of /proc and /sys do not know their size: only reading tells.
                data = bytearray()
                while len(data) <= limit and (chunk := os.read(descriptor, limit + 1 - len(data))):
                    data += chunk
            finally:
                os.close(descriptor)
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        if len(data) > limit:
            raise SourceConflictError(path, f"larger than {limit} bytes")
        return bytes(data)

    def file_status(self, path: str) -> FileStatus:
        """Return what `stat` says of the path, symbolic links followed."""
        try:
            found = Path(path).stat()
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        device = (os.major(found.st_dev), os.minor(found.st_dev))
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return FileStatus(
            device, found.st_uid, found.st_mode, found.st_size, modified, found.st_ino
        )

    def account(self, uid: int) -> Account:
        """Return the account with that number."""
        entry = account_entry(uid)
        return Account(uid, entry.pw_name, entry.pw_dir)


def account_entry(uid: int) -> pwd.struct_passwd:
    """Return the account database's entry; `missing` where the number has none."""
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise SourceMissingError(f"account {uid}") from None
