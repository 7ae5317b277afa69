"""Which mounts hold data, and what each is for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from passmuster_collectors.signals.disk_encryption.facts import Role
from passmuster_collectors.signals.disk_encryption.linux.storage import (
    FOLDERS,
    IMAGES,
    MEMORY,
    NETWORK,
)
from passmuster_collectors.text.mountinfo import Mount, MountTable, is_below

LEAST_UID, NOBODY = 1000, 65_534
"""Accounts of people (UID_MIN in login.defs(5)), and the one that is nobody's."""

FOR_STARTING = ("/boot", "/efi", "/recovery")
"""What a computer starts from has to be readable, and holds nobody's data."""

HOMES = ("/home", "/root", "/var/home")
SYSTEM = (
    "/etc",
    "/gnu",
    "/nix",
    "/opt",
    "/srv",
    "/sysroot",
    "/tmp",  # noqa: S108 - a place to look at
    "/usr",
    "/var",
)

WITHOUT_DEVICE = frozenset({"bcachefs", "btrfs", "overlay", "zfs"})
"""File systems with an anonymous device number whose data rests on this computer all the same."""

OWN = frozenset({"/", *HOMES, *SYSTEM})
"""Places that this computer can't do without: whatever is mounted there is looked at."""


@dataclass(frozen=True)
class Place:
    """A mount to judge, and what it is for."""

    mount: Mount
    role: Role


def parse_homes(passwd: bytes) -> frozenset[str]:
    """Return the home folders of people in `/etc/passwd` (passwd(5))."""
    homes = set()
    for line in passwd.decode("utf-8", "surrogateescape").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdecimal() and fields[5].startswith("/"):
            uid, home = int(fields[2]), fields[5].rstrip("/")
            if uid >= LEAST_UID and uid != NOBODY and home:
                homes.add(home)
    return frozenset(homes)


def choose_places(table: MountTable, homes: frozenset[str]) -> tuple[Place, ...]:
    """Return one mount for each file system and role, in the order of their paths.

    A file system that also holds the system or homes is not told as data once more.
    """
    best: dict[tuple[object, Role], Mount] = {}
    for mount, role in _candidates(table.mounts, homes):
        key = (_identity(table, mount), role)
        if key not in best or _shortness(mount) < _shortness(best[key]):
            best[key] = mount
    essential = {identity for identity, role in best if role is not Role.DATA}
    places = [
        Place(mount, role)
        for (identity, role), mount in best.items()
        if role is not Role.DATA or identity not in essential
    ]
    return tuple(sorted(places, key=lambda place: (place.mount.point, place.role)))


def role_of(point: str, homes: frozenset[str]) -> Role:
    """Return what is kept at a mount point."""
    if any(is_below(point, home) for home in (*HOMES, *homes)):
        return Role.HOME
    if point == "/" or any(is_below(point, folder) for folder in SYSTEM):
        return Role.SYSTEM
    return Role.DATA


def _candidates(mounts: Iterable[Mount], homes: frozenset[str]) -> Iterator[tuple[Mount, Role]]:
    for mount in mounts:
        if mount.kind in MEMORY or mount.kind in NETWORK or mount.kind in IMAGES:
            continue
        if any(is_below(mount.point, folder) for folder in FOR_STARTING):
            continue
        if mount.kind == "overlay" and mount.option("upperdir") is None:
            continue
        # A folder that is encrypted file by file inside a home says nothing of the home itself.
        if mount.kind in FOLDERS and mount.point not in homes:
            continue
        has_device = mount.device[0] != 0 or mount.kind in WITHOUT_DEVICE
        if has_device or mount.point in OWN or mount.point in homes:
            yield mount, role_of(mount.point, homes)


def _identity(table: MountTable, mount: Mount) -> object:
    if mount.kind == "zfs":
        return mount.source
    # Every container has an overlay of its own, over folders of one and the same file system.
    upper = mount.option("upperdir") if mount.kind == "overlay" else None
    holding = None if upper is None else table.holding(upper)
    if holding is None or holding.kind == "overlay":
        return mount.device
    return _identity(table, holding)


def _shortness(mount: Mount) -> tuple[int, str]:
    return len(mount.point), mount.point
