"""Disk encryption on a Mac: what diskutil(8) and fdesetup(8) both say.

Swap is left out: macOS encrypts it by itself, with a key that ends with the power.
"""

from collections.abc import Iterator

from passmuster_collectors.contract.reading import Reading, SourceOutcome, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.disk_encryption.facts import (
    DiskEncryptionFacts,
    Method,
    Role,
    State,
    Volume,
)
from passmuster_collectors.signals.disk_encryption.macos.diskutil import (
    ApfsVolume,
    InternalDisks,
    MountedVolume,
    parse_apfs_list,
    parse_info,
    parse_internal_disks,
)
from passmuster_collectors.signals.disk_encryption.macos.filevault import FileVault, parse_status
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import printed_plist, succeeded

SIGNAL = "disk_encryption"
MAX_VOLUMES = 64

ROOT = "/"
DATA = "/System/Volumes/Data"

# Roles of volumes that hold people's files; the others are macOS's own (diskutil(8), apfs).
PERSONAL_ROLES = frozenset({"Data", "User", "Backup"})

CONFLICT = "What macOS says about FileVault contradicts itself."
DENIED = "Passmuster is not allowed to ask macOS about FileVault."
INCOMPLETE = "macOS did not say for every disk whether it is encrypted."

BY_FILEVAULT = {
    FileVault.ON: State.ENCRYPTED,
    FileVault.OFF: State.UNENCRYPTED,
    FileVault.ENCRYPTING: State.ENCRYPTING,
    FileVault.DECRYPTING: State.DECRYPTING,
}


def read(host: Host) -> Reading:
    """Return how the disk this Mac started from is encrypted, and every other built-in one."""
    inquiry = Inquiry()
    started_from = inquiry.ask("diskutil info /", lambda: _mounted(host, ROOT))
    data = inquiry.ask(f"diskutil info {DATA}", lambda: _mounted(host, DATA))
    listed = inquiry.ask("diskutil apfs list", lambda: _apfs_volumes(host))
    status = inquiry.ask("fdesetup status", lambda: _filevault(host))
    internal = inquiry.ask("diskutil list internal", lambda: _internal_disks(host))

    startup = None
    if started_from is not None and listed is not None:
        startup = inquiry.ask(
            "startup volume", lambda: choose_startup_volume(started_from, data, listed)
        )
    state = combine(by_disk(startup), None if status is None else BY_FILEVAULT[status])
    if state is None:
        inquiry.contradict("FileVault", "diskutil and fdesetup disagree")
    volumes = [_volume(ROOT, Role.SYSTEM, state or State.UNKNOWN)]
    # Before the startup volume is known every volume could be it: it must not count twice.
    if startup is not None and listed is not None:
        inside = startup.whole_disks | (internal.names if internal is not None else frozenset())
        volumes += _other_apfs_volumes(startup, listed, inside)
    if internal is not None:
        volumes += [_volume(mount, Role.DATA, State.UNENCRYPTED) for mount in internal.other_mounts]

    facts = DiskEncryptionFacts(tuple(volumes[:MAX_VOLUMES]))
    unclear = any(volume.state is State.UNKNOWN for volume in volumes)
    if inquiry.is_complete and not unclear and len(volumes) <= MAX_VOLUMES:
        return ok(SIGNAL, host.now(), facts, inquiry.sources)
    return unavailable(SIGNAL, host.now(), _reason(inquiry), inquiry.sources, facts)


def by_disk(volume: ApfsVolume | None) -> State | None:
    """Return what the disk's own flags say of a volume; None where they say nothing.

    The flags know that a volume is being converted, not in which direction.
    """
    if volume is None or volume.filevault is None:
        return None
    if not volume.filevault:
        return State.DECRYPTING if volume.migrating else State.UNENCRYPTED
    if volume.migrating is None:
        return None
    return State.ENCRYPTING if volume.migrating else State.ENCRYPTED


def combine(disk: State | None, status: State | None) -> State | None:
    """Return what diskutil and fdesetup say together; None where they disagree.

    What only one of them says is taken where it is bad news: encrypted needs both.
    """
    converting = {State.ENCRYPTING, State.DECRYPTING}
    if disk is None or status is None:
        alone = disk or status or State.UNKNOWN
        return State.UNKNOWN if alone is State.ENCRYPTED else alone
    if disk is status or (disk in converting and status in converting):
        return status
    # A Mac on battery puts the conversion off and says so in one of the two places only.
    if status is State.ENCRYPTING and disk is State.ENCRYPTED:
        return status
    return None


def choose_startup_volume(
    started_from: MountedVolume, data: MountedVolume | None, listed: tuple[ApfsVolume, ...]
) -> ApfsVolume:
    """Return the volume that holds what people write on the disk this Mac started from.

    That is the data volume in the same volume group as the sealed system volume; on a disk from
    before macOS 10.15 it is the system volume itself, which then has no role. Raises
    `SourceConflictError`.
    """
    by_device = {volume.device: volume for volume in listed}
    system = by_device.get(started_from.device)
    if system is None:
        raise SourceConflictError("startup volume", "not in the list of APFS volumes")
    if not system.roles and data is None:
        return system
    if data is None or not started_from.group or data.group != started_from.group:
        raise SourceConflictError("startup volume", "its data volume is not in its group")
    found = by_device.get(data.device)
    if found is None or found.container != system.container:
        raise SourceConflictError("startup volume", "its data volume is not in its container")
    return found


def _other_apfs_volumes(
    startup: ApfsVolume, listed: tuple[ApfsVolume, ...], inside: frozenset[str]
) -> Iterator[Volume]:
    for volume in listed:
        is_personal = not volume.roles or not volume.roles.isdisjoint(PERSONAL_ROLES)
        if volume is startup or not is_personal or volume.whole_disks.isdisjoint(inside):
            continue
        yield _volume(volume.name, Role.DATA, by_disk(volume) or State.UNKNOWN)


def _volume(mount: str, role: Role, state: State) -> Volume:
    method = Method.NONE if state is State.UNENCRYPTED else Method.FILEVAULT
    return Volume(mount[:256], role, state, method)


def _mounted(host: Host, mount: str) -> MountedVolume:
    return parse_info(printed_plist(host, Program.DISKUTIL, "info", "-plist", mount))


def _apfs_volumes(host: Host) -> tuple[ApfsVolume, ...]:
    return parse_apfs_list(printed_plist(host, Program.DISKUTIL, "apfs", "list", "-plist"))


def _internal_disks(host: Host) -> InternalDisks:
    arguments = ("list", "-plist", "internal", "physical")
    return parse_internal_disks(printed_plist(host, Program.DISKUTIL, *arguments))


def _filevault(host: Host) -> FileVault:
    return parse_status(succeeded(Program.FDESETUP, host.run(Program.FDESETUP, "status")))


def _reason(inquiry: Inquiry) -> str:
    outcomes = {source.outcome for source in inquiry.sources}
    if SourceOutcome.CONFLICT in outcomes:
        return CONFLICT
    return DENIED if SourceOutcome.DENIED in outcomes else INCOMPLETE
