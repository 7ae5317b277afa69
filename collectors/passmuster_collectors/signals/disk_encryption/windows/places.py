"""Which volumes of a Windows PC hold data that a thief of the PC would get."""

import re

from passmuster_collectors.host.windows_answers import StorageVolume

FIXED = 3  # DRIVE_FIXED, fileapi.h
# STORAGE_BUS_TYPE, ntddstor.h: what can be pulled out is a matter of the USB devices, and a disk
# that is a file lies on a volume that is looked at by itself.
FIREWIRE, USB, SD, FILE = 4, 7, 12, 15
OUTSIDE = frozenset({FIREWIRE, USB, SD, FILE})
NOT_HERE = frozenset({2, 4, 5, 6})  # removable, network, optical and memory disks
DRIVE = re.compile("[A-Z]:")


def holds_data(volume: StorageVolume) -> bool:
    """Return whether the volume counts: it is built in and can be reached by a path.

    The system's volume counts wherever it lies. What has no path (recovery, start-up) holds
    nobody's files.
    """
    if volume.is_system:
        return True
    inside = volume.bus_type not in OUTSIDE and not volume.removable_media
    return bool(volume.mounts) and volume.drive_type not in NOT_HERE and inside


def letter(volume: StorageVolume) -> str:
    """Return the drive letter with its colon; empty for a volume that is in a folder only."""
    return next((drive(path) for path in volume.mounts if len(path) <= 3), "")


def drive(path: str) -> str:
    """Return the drive letter with its colon that a path begins with; empty where it has none."""
    found = DRIVE.match(path.upper())
    return found[0] if found else ""


def called(volume: StorageVolume) -> str:
    """Return a name for people. A folder's name stays on the laptop: it may be a person's."""
    if letter(volume):
        return letter(volume)
    on = next((drive(path) for path in volume.mounts), "")
    return f"a folder on {on}" if on else "a volume without a letter"
