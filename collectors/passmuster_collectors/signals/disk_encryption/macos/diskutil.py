"""What diskutil(8) says about disks and volumes, from its property lists."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.commands import Program

SOURCE = Program.DISKUTIL.paths[0]
DEVICE = re.compile(r"(disk\d+)s\d+")
SNAPSHOT = re.compile(r"(disk\d+s\d+)(?:s\d+)?")
MAX_VOLUMES = 1024


@dataclass(frozen=True)
class ApfsVolume:
    """One APFS volume. `whole_disks` are the disks that its container lies on (`disk0`).

    `filevault`: a secret of a person's is needed to read it; `migrating`: it is being encrypted or
    decrypted. Both are None where not told.
    """

    device: str
    container: str
    whole_disks: frozenset[str]
    name: str
    roles: frozenset[str]
    filevault: bool | None
    migrating: bool | None


@dataclass(frozen=True)
class MountedVolume:
    """The volume behind a mount point. `device` is never a snapshot's; `group` may be empty."""

    device: str
    group: str


@dataclass(frozen=True)
class InternalDisks:
    """The built-in disks (`disk0`), and where their partitions without APFS are mounted."""

    names: frozenset[str]
    other_mounts: tuple[str, ...]


def parse_apfs_list(value: Any) -> tuple[ApfsVolume, ...]:
    """Return the volumes of `diskutil apfs list -plist`. Raises `SourceConflictError`."""
    volumes = tuple(
        _volume(container, volume)
        for container in _dicts(_dict(value).get("Containers"), "Containers")
        for volume in _dicts(container.get("Volumes"), "Volumes")
    )
    if len({volume.device for volume in volumes}) != len(volumes) or len(volumes) > MAX_VOLUMES:
        raise SourceConflictError(SOURCE, "lists a volume twice, or too many")
    return volumes


def parse_info(value: Any) -> MountedVolume:
    """Return the volume of `diskutil info -plist <mount>`. Raises `SourceConflictError`."""
    found = _dict(value)
    device = SNAPSHOT.fullmatch(_text(found, "DeviceIdentifier"))
    if device is None or found.get("FilesystemType") != "apfs":
        raise SourceConflictError(SOURCE, "not an APFS volume")
    group = found.get("APFSVolumeGroupID", "")
    return MountedVolume(device.group(1), group if isinstance(group, str) else "")


def parse_internal_disks(value: Any) -> InternalDisks:
    """Return the disks of `diskutil list -plist internal physical`.

    APFS volumes are not in it: its partitions are what holds them. Raises `SourceConflictError`.
    """
    disks = _dict(value).get("WholeDisks")
    if not isinstance(disks, list) or not all(isinstance(disk, str) for disk in disks):
        raise SourceConflictError(SOURCE, "WholeDisks is not a list of names")
    mounts = tuple(
        mount
        for disk in _dicts(value.get("AllDisksAndPartitions"), "AllDisksAndPartitions")
        for partition in _dicts(disk.get("Partitions", []), "Partitions")
        if isinstance(mount := partition.get("MountPoint"), str) and mount
        if partition.get("Content") != "EFI"
    )
    return InternalDisks(frozenset(disks), mounts)


def _volume(container: dict[str, Any], volume: dict[str, Any]) -> ApfsVolume:
    device = _text(volume, "DeviceIdentifier")
    if not DEVICE.fullmatch(device):
        raise SourceConflictError(SOURCE, "a volume without a device")
    stores = _dicts(container.get("PhysicalStores"), "PhysicalStores")
    slices = (DEVICE.fullmatch(_text(store, "DeviceIdentifier")) for store in stores)
    roles = volume.get("Roles")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise SourceConflictError(SOURCE, "a volume without Roles")
    return ApfsVolume(
        device=device,
        container=_text(container, "ContainerReference"),
        whole_disks=frozenset(found.group(1) for found in slices if found is not None),
        name=_text(volume, "Name"),
        roles=frozenset(roles),
        filevault=_truth(volume, "FileVault"),
        migrating=_truth(volume, "CryptoMigrationOn"),
    )


def _truth(found: dict[str, Any], key: str) -> bool | None:
    value = found.get(key)
    return value if isinstance(value, bool) else None


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise SourceConflictError(SOURCE, f"{key} is not a text")
    return value


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SourceConflictError(SOURCE, "not a dictionary")
    return value


def _dicts(value: Any, key: str) -> Iterator[dict[str, Any]]:
    if not isinstance(value, list):
        raise SourceConflictError(SOURCE, f"{key} is not a list")
    yield from map(_dict, value)
