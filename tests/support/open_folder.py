"""A folder that every user of this machine may look into, for sockets of daemons."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder with mode 0755 outside of the test's own, which is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="passmuster-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
