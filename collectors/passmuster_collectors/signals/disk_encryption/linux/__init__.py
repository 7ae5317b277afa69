"""Disk encryption on Linux: every mounted file system and swap area, down to its hardware.

All of it is the kernel's own word: the mount table of the first process, `/proc/swaps`, sysfs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import (
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.disk_encryption.facts import (
    DiskEncryptionFacts,
    Method,
    Role,
    State,
    Volume,
)
from passmuster_collectors.signals.disk_encryption.linux.anonymity import Anonymity
from passmuster_collectors.signals.disk_encryption.linux.evidence import Evidence
from passmuster_collectors.signals.disk_encryption.linux.exposure import Exposure
from passmuster_collectors.signals.disk_encryption.linux.homes import encrypted_homes
from passmuster_collectors.signals.disk_encryption.linux.namespace import (
    SECOND_PROCESS,
    check_first_namespace,
)
from passmuster_collectors.signals.disk_encryption.linux.places import (
    Place,
    choose_places,
    parse_homes,
)
from passmuster_collectors.signals.disk_encryption.linux.protection import WORST_FIRST, Protection
from passmuster_collectors.signals.disk_encryption.linux.storage import Storage
from passmuster_collectors.signals.disk_encryption.linux.swap import read_swaps
from passmuster_collectors.text import mountinfo
from passmuster_collectors.text.mountinfo import MountTable

SIGNAL = "disk_encryption"
MAX_VOLUMES = 64
MAX_MOUNT = 256
MAX_TABLE = 4 * 1024 * 1024

MOUNTS = "/proc/1/mountinfo"
ACCOUNTS = "/etc/passwd"

CONTAINED = "Passmuster runs inside a container and can't see this computer's disks."
UNCLEAR = "Passmuster could not find out how this is protected: {mounts}."
INCOMPLETE = "Not everything that this computer says about its disks could be read."
TOO_MANY = f"This computer uses more than {MAX_VOLUMES} volumes."


def read(host: Host) -> Reading:
    """Return how every volume in use rests. Raises `SourceError` where nothing can be seen."""
    evidence = Evidence()
    try:
        check_first_namespace(host)
    except SourceMissingError as missing:
        return unavailable(SIGNAL, host.now(), CONTAINED, [missing.source()])
    evidence.read(SECOND_PROCESS)
    table = _read_mounts(host)
    evidence.read(MOUNTS)
    homes = _read_homes(host, evidence)
    storage = Storage(host, evidence, table)
    exposure = Exposure(host, evidence, storage)
    places = choose_places(table, homes)
    encrypted = [*encrypted_homes(host, table, homes, places)]
    volumes = [Volume(home, Role.HOME, State.ENCRYPTED, Method.FSCRYPT) for home in encrypted]
    others = [place for place in places if place.mount.point not in encrypted]
    volumes += _mounted_volumes(others, evidence, storage, exposure)
    for path, protection in read_swaps(host, evidence, storage):
        evidence.unclear(protection.why)
        volumes += _volume(path, Role.SWAP, exposure.weigh(protection))
    return _reading(host, evidence, volumes, Anonymity(homes))


def _read_mounts(host: Host) -> MountTable:
    # The agent's own table may be another one: a service can have a mount namespace to itself. Who
    # may compare the two namespaces may read the first one's table, so there is no way around it.
    try:
        mounts = mountinfo.parse(host.read_file(MOUNTS, limit=MAX_TABLE))
    except mountinfo.MountinfoError as error:
        raise SourceConflictError(MOUNTS, str(error)) from None
    if not any(mount.point == "/" for mount in mounts):
        raise SourceConflictError(MOUNTS, "no root")
    return MountTable(mounts)


def _read_homes(host: Host, evidence: Evidence) -> frozenset[str]:
    try:
        return parse_homes(host.read_file(ACCOUNTS))
    except SourceError as error:
        evidence.passed_over(error)  # then homes are what is below /home
        return frozenset()


def _mounted_volumes(
    places: Iterable[Place], evidence: Evidence, storage: Storage, exposure: Exposure
) -> Iterator[Volume]:
    for place in places:
        protection = exposure.weigh(storage.of_mount(place.mount))
        if place.role is not Role.DATA or not protection.is_on_removable_disks_only:
            evidence.unclear(protection.why)
            yield from _volume(place.mount.point, place.role, protection)


def _volume(path: str, role: Role, protection: Protection) -> Sequence[Volume]:
    if protection.state is None:
        return ()
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return (Volume(shown[:MAX_MOUNT], role, protection.state, protection.method),)


def _reading(
    host: Host, evidence: Evidence, volumes: list[Volume], anonymity: Anonymity
) -> Reading:
    volumes = [replace(volume, mount=anonymity.path(volume.mount)) for volume in volumes]
    sources = tuple(anonymity.source(source) for source in evidence.sources)
    worst_first = sorted(volumes, key=lambda volume: WORST_FIRST.index(volume.state))
    kept = set(worst_first[:MAX_VOLUMES])
    facts = DiskEncryptionFacts(tuple(volume for volume in volumes if volume in kept)[:MAX_VOLUMES])
    unclear = [volume.mount for volume in volumes if volume.state is State.UNKNOWN]
    if unclear:
        shown = ", ".join(unclear[:3])[:400] + (" …" if len(unclear) > 3 else "")
        reason = UNCLEAR.format(mounts=shown)
    elif len(volumes) > MAX_VOLUMES:
        reason = TOO_MANY
    elif evidence.is_incomplete:
        reason = INCOMPLETE
    else:
        return ok(SIGNAL, host.now(), facts, sources)
    return unavailable(SIGNAL, host.now(), reason, sources, facts)
