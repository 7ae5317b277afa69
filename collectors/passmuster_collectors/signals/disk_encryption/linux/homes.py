"""Home folders that the file system encrypts by itself (fscrypt), on a volume that may be plain."""

from collections.abc import Iterable, Iterator

from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.signals.disk_encryption.facts import Role
from passmuster_collectors.signals.disk_encryption.linux.places import HOMES, Place
from passmuster_collectors.text.mountinfo import MountTable

FILE_SYSTEMS = frozenset({"ext4", "f2fs", "ubifs"})
"""Those with fscrypt (Documentation/filesystems/fscrypt.rst). Others are not touched: looking into
a folder of the network may take for ever."""


def encrypted_homes(
    host: Host, table: MountTable, homes: Iterable[str], places: Iterable[Place]
) -> Iterator[str]:
    """Yield the home folders that are encrypted, in order.

    Who may not look into one is told nothing, and the volume below speaks for it: this can add to
    what is known and take nothing away.
    """
    mounted = {place.mount.point for place in places if place.role is Role.HOME}
    for home in sorted({*homes, *mounted}.difference(HOMES)):
        holding = table.holding(home)
        if holding is not None and holding.kind in FILE_SYSTEMS and _is_encrypted(host, home):
            yield home


def _is_encrypted(host: Host, home: str) -> bool:
    try:
        return host.is_encrypted_folder(home)
    except SourceError:
        return False
