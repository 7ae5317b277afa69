"""A real file system that is easily filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import missing, require_tool


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system of half a megabyte."""

    folder: Path

    def fill(self) -> None:
        """Write until there is no room for another byte."""
        with (self.folder / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)

    def free(self) -> None:
        """Take back what `fill` has written."""
        (self.folder / "filler").unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount it at `folder`, which only root can, and unmount it at the end."""
    folder.mkdir()
    if os.geteuid() != 0:
        missing("only root can mount a small disk")
    mount = [str(require_tool("mount")), "-t", "tmpfs", "-o", "size=512k,mode=700", "none"]
    if subprocess.run([*mount, str(folder)], check=False).returncode != 0:
        missing("a small disk can't be mounted here")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: a test that fails may still have a file open there.
        subprocess.run([require_tool("umount"), "--lazy", folder], check=True)
