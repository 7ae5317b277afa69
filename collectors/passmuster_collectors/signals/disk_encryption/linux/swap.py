"""Swap: where memory is written out to, a picture of it for hibernation included.

Source: `/proc/swaps`; a first line of headings, then path, type (`partition` or `file`), size, used
and priority, with white space inside a path in octal (proc(5)). The kernel hibernates to an active
swap area only, so that there is no other place to look at. A kernel that is built without swap has
no such file, and says in `/proc/meminfo` that there is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.disk_encryption.linux.evidence import Evidence
from passmuster_collectors.signals.disk_encryption.linux.protection import Protection, unknown
from passmuster_collectors.signals.disk_encryption.linux.storage import Storage
from passmuster_collectors.text.mountinfo import unescape

SWAPS = "/proc/swaps"
MEMORY = "/proc/meminfo"
NO_SWAP = re.compile(rb"^SwapTotal: +0 kB$", re.MULTILINE)
DELETED = " (deleted)"


class SwapsError(ValueError):
    """A line is not in its documented format."""


@dataclass(frozen=True)
class Swap:
    """One active swap area. `is_deleted` tells a file that has no name any more."""

    path: str
    is_file: bool
    is_deleted: bool


def parse_swaps(content: bytes) -> tuple[Swap, ...]:
    """Return the active swap areas. Raises `SwapsError`."""
    heading, *lines = content.splitlines() or [b""]
    if not heading.startswith(b"Filename"):
        raise SwapsError("it has no heading")
    return tuple(_swap(line) for line in lines if line.strip())


def read_swaps(
    host: Host, evidence: Evidence, storage: Storage
) -> Iterator[tuple[str, Protection]]:
    """Return the path of each active swap area and how it rests."""
    try:
        swaps = parse_swaps(host.read_file(SWAPS))
        evidence.read(SWAPS)
    except SourceMissingError as missing:
        swaps = ()
        if not _has_no_swap(host, evidence):
            evidence.refused(missing)
    except SwapsError as error:
        evidence.refused(SourceConflictError(SWAPS, str(error)))
        return
    except SourceError as error:
        evidence.refused(error)
        return
    for swap in swaps:
        try:
            yield swap.path, _protection(host, storage, swap)
        except SourceConflictError as error:
            yield swap.path, unknown(error)


def _has_no_swap(host: Host, evidence: Evidence) -> bool:
    """Whether the kernel says that it has no room for swap at all."""
    try:
        found = NO_SWAP.search(host.read_file(MEMORY))
    except SourceError:
        return False
    if found is not None:
        evidence.read(MEMORY, "a kernel without swap")
    return found is not None


def _protection(host: Host, storage: Storage, swap: Swap) -> Protection:
    if not swap.is_file:
        return storage.of_device_file(swap.path)
    if swap.is_deleted:
        raise SourceConflictError(swap.path, "a swap file without a name")
    mount = storage.holding(swap.path)
    try:
        device = host.file_status(swap.path).device
    except SourceError:
        device = (0, 0)  # the mount table says it as well
    # File systems over several devices have one number here and another in the mount table.
    if mount is not None and 0 not in (device[0], mount.device[0]) and device != mount.device:
        raise SourceConflictError(swap.path, "not on the volume that the mount table says")
    return storage.of_file(swap.path)


def _swap(line: bytes) -> Swap:
    fields = line.split()
    if len(fields) != 5 or fields[1] not in (b"partition", b"file"):
        raise SwapsError("a line does not have five fields with a type")
    path = unescape(fields[0])
    return Swap(path.removesuffix(DELETED), fields[1] == b"file", path.endswith(DELETED))
