"""Where files come to rest: from a path or a mount down to its block devices.

Sources: `/sys/fs/btrfs/<uuid>/devices` for file systems with several devices, `zfs` and `zpool`,
`upperdir` of overlayfs; all others name their one device by number in the mount table.
"""

from contextlib import suppress
from functools import partial

from passmuster_collectors.host.base import Host, SourceConflictError, SourceError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.disk_encryption.facts import Method, State
from passmuster_collectors.signals.disk_encryption.linux import zfs
from passmuster_collectors.signals.disk_encryption.linux.blocks import BlockDevices
from passmuster_collectors.signals.disk_encryption.linux.evidence import Evidence, if_there
from passmuster_collectors.signals.disk_encryption.linux.protection import (
    FOLDER_ENCRYPTED,
    NOT_AT_REST,
    Protection,
    unknown,
    weakest,
)
from passmuster_collectors.text.mountinfo import Mount, MountTable

BTRFS = "/sys/fs/btrfs"

MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "rootfs", "hugetlbfs", "autofs"})
"""Nothing of these comes to rest; autofs stands in for what is not mounted yet."""

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "9p", "fuse.sshfs", "fuse.glusterfs", "davfs"}
)
IMAGES = frozenset({"squashfs", "erofs", "cramfs", "romfs", "iso9660", "udf"})
"""File systems without a way to write: what customers entrust to us never gets there."""

FOLDERS = frozenset({"ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.securefs"})
"""File systems that encrypt each file on its way into another file system."""


class Storage:
    """What rests where on one machine, by the mounts of its first process."""

    def __init__(self, host: Host, evidence: Evidence, table: MountTable) -> None:
        self._host = host
        self._evidence = evidence
        self._table = table
        self._found: dict[Mount, Protection] = {}
        self._open: set[Mount] = set()
        self.blocks = BlockDevices(host, evidence, self.of_file)
        self.key_files: dict[str, str] = {}
        """Key files of ZFS data sets that were looked at, by the data set that has the key."""

    def of_mount(self, mount: Mount) -> Protection:
        """Return how what is written to a mount rests. What can't be read makes it unknown."""
        if mount in self._open:
            return unknown(SourceConflictError(mount.point, "rests on itself"))
        if mount not in self._found:
            self._open.add(mount)
            try:
                self._found[mount] = self._look_up(mount)
            except SourceError as error:
                self._found[mount] = unknown(error)
            finally:
                self._open.discard(mount)
        return self._found[mount]

    def of_file(self, path: str) -> Protection:
        """Return how a file rests, by the mount that its path leads to."""
        mount = self.holding(path)
        if mount is None:
            return unknown(SourceConflictError(path, "in no mount"))
        return self.of_mount(mount)

    def holding(self, path: str) -> Mount | None:
        """Return the mount that holds a path, whether or not there is such a file."""
        # Without a right to look it up, the path stands as it was given.
        with suppress(SourceError):
            path = self._host.resolve(path)
        return self._table.holding(path) if path.startswith("/") else None

    def of_device_file(self, path: str) -> Protection:
        """Return how what is written to a block device rests."""
        try:
            return self.blocks.protection(self.blocks.name_behind(path))
        except SourceError as error:
            return unknown(error)

    def _look_up(self, mount: Mount) -> Protection:
        if mount.kind in MEMORY or mount.kind in NETWORK or mount.kind in IMAGES:
            return NOT_AT_REST
        if mount.kind in FOLDERS:
            return FOLDER_ENCRYPTED
        match mount.kind:
            case "overlay":
                return self._overlay(mount)
            case "btrfs":
                return self._btrfs(mount)
            case "bcachefs":
                return self._bcachefs(mount)
            case "zfs":
                return self._zfs(mount)
        if mount.device[0] == 0:
            raise SourceConflictError(mount.point, "a file system without a device")
        return self.blocks.protection(self.blocks.name_of(mount.device))

    def _overlay(self, mount: Mount) -> Protection:
        upper = mount.option("upperdir")
        return NOT_AT_REST if upper is None else self.of_file(upper)

    def _bcachefs(self, mount: Mount) -> Protection:
        under = weakest(self.of_device_file(path) for path in mount.source.split(":"))
        # It has an encryption of its own, which shows nowhere outside of its super block.
        if under.state is State.ENCRYPTED:
            return under
        raise SourceConflictError(mount.point, "its own encryption does not show")

    def _btrfs(self, mount: Mount) -> Protection:
        name = self.blocks.name_behind(mount.source)
        for uuid in self._host.list_directory(BTRFS):
            folder = f"{BTRFS}/{uuid}/devices"
            devices = if_there(partial(self._host.list_directory, folder)) or ()
            if name in devices:
                self._evidence.read(BTRFS)
                return weakest(self.blocks.protection(each) for each in devices)
        raise SourceConflictError(BTRFS, f"none of its file systems has the device {name}")

    def _zfs(self, mount: Mount) -> Protection:
        dataset = mount.source
        encryption = zfs.read_property(self._host, "encryption", [dataset]).get(dataset)
        if encryption is None:
            raise SourceConflictError(Program.ZFS.paths[0], "not a word about a mounted data set")
        self._evidence.read(Program.ZFS.paths[0])
        if zfs.encrypts(encryption):
            root, location = zfs.read_key_location(self._host, dataset)
            key_file = zfs.key_file(location)
            if key_file is not None:
                self.key_files[root] = key_file
            return Protection(State.ENCRYPTED, Method.ZFS, frozenset({root}))
        pool = dataset.partition("/")[0]
        devices = zfs.read_devices(self._host, pool)
        if not devices:
            raise SourceConflictError(Program.ZPOOL.paths[0], "a pool without a device")
        self._evidence.read(Program.ZPOOL.paths[0])
        return weakest(
            self.of_device_file(path) if path.startswith("/dev/") else self.of_file(path)
            for path in devices
        )
