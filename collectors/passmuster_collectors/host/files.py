"""Folders and links, the same on every system."""

import os
from itertools import islice

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.system_errors import from_os_error

MAX_NAMES = 65_536


class Files:
    """The part of a machine that looks at folders and links."""

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted; `conflict` when there are over 65,536."""
        try:
            with os.scandir(path) as entries:
                names = [entry.name for entry in islice(entries, MAX_NAMES + 1)]
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
        if len(names) > MAX_NAMES:
            raise SourceConflictError(path, f"more than {MAX_NAMES} names")
        return tuple(sorted(names))

    def resolve(self, path: str) -> str:
        """Return the absolute path behind every symbolic link; `missing` when it leads nowhere."""
        try:
            return os.path.realpath(path, strict=True)
        except OSError as error:
            raise from_os_error(path, error) from None
        except ValueError:
            raise SourceConflictError(path, "not a path") from None
