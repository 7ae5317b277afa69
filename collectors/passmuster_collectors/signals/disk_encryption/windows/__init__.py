"""Disk encryption on Windows: BitLocker by the methods of its own interface.

Where they can't be called, less is known and only bad news is taken: see `fallback.py`. Swap is
left out: Windows keeps it in a file of a volume that is looked at anyway.
"""

from collections.abc import Iterator, Mapping

from passmuster_collectors.contract.reading import (
    Reading,
    Source,
    SourceOutcome,
    ok,
    unavailable,
)
from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.host.windows_answers import StorageVolume
from passmuster_collectors.signals.disk_encryption.facts import (
    DiskEncryptionFacts,
    Method,
    Role,
    State,
    Volume,
)
from passmuster_collectors.signals.disk_encryption.windows import fallback, other_products
from passmuster_collectors.signals.disk_encryption.windows.encryptable import (
    EncryptableVolume,
    method,
    note,
    state,
)
from passmuster_collectors.signals.disk_encryption.windows.methods import SOURCE, call_methods
from passmuster_collectors.signals.disk_encryption.windows.places import (
    called,
    drive,
    holds_data,
    letter,
)
from passmuster_collectors.signals.inquiry import Inquiry

SIGNAL = "disk_encryption"
MAX_VOLUMES = 64

DENIED = "Passmuster is not allowed to ask Windows about BitLocker."
LOCKED = "A disk is locked, so that Windows does not say how it is protected."
OTHER_PRODUCT = "Another product may encrypt this computer; Windows can't say whether it does."
INCOMPLETE = "Windows did not say for every disk whether it is encrypted."


def read(host: Host) -> Reading:
    """Return how every built-in volume that holds data is encrypted, each by its own answer."""
    inquiry = Inquiry()
    listed = inquiry.ask("volumes", host.storage_volumes)
    counted = [each for each in listed or () if holds_data(each)]
    told: tuple[EncryptableVolume, ...] | None = None
    try:
        told = call_methods(host)
    except SourceError as error:
        volumes = list(_by_fallback(host, inquiry, counted, error))
    else:
        inquiry.sources.append(Source(SOURCE, SourceOutcome.READ))
        if listed is None:
            volumes = [_alone(each) for each in told if each.drive_letter]
        else:
            volumes = list(_by_methods(inquiry, counted, told))
    other = other_products.find(host, inquiry) if _is_plain(volumes) else None
    if other is not None:
        # BitLocker sees no difference between another product's cipher and no encryption.
        volumes = [_doubted(volume) for volume in volumes]
        inquiry.contradict("BitLocker", f"{other} may encrypt what BitLocker does not")

    facts = DiskEncryptionFacts(tuple(volumes[:MAX_VOLUMES]))
    unclear = any(volume.state is State.UNKNOWN for volume in volumes)
    if inquiry.is_complete and not unclear and 0 < len(volumes) <= MAX_VOLUMES:
        return ok(SIGNAL, host.now(), facts, inquiry.sources)
    reason = OTHER_PRODUCT if other is not None else _reason(inquiry, told)
    return unavailable(SIGNAL, host.now(), reason, inquiry.sources, facts)


def _by_methods(
    inquiry: Inquiry, counted: list[StorageVolume], told: tuple[EncryptableVolume, ...]
) -> Iterator[Volume]:
    by_name = {each.device_id.lower(): each for each in told}
    for volume in counted:
        found = by_name.get(volume.name.lower())
        if found is None:
            inquiry.contradict(f"{SOURCE} {called(volume)}", "not a volume that BitLocker knows")
            yield _volume(volume, State.UNKNOWN, Method.OTHER)
            continue
        if note(found):
            inquiry.sources.append(
                Source(f"{SOURCE} {called(volume)}", SourceOutcome.READ, note(found))
            )
        yield _volume(volume, state(found), method(found))


def _by_fallback(
    host: Host, inquiry: Inquiry, counted: list[StorageVolume], refusal: SourceError
) -> Iterator[Volume]:
    answers: Mapping[str, State | None] = fallback.states(
        host, inquiry, [each for each in map(letter, counted) if each]
    )
    if any(answers.get(letter(volume)) is None for volume in counted) or not counted:
        inquiry.sources.append(Source(SOURCE, refusal.outcome, refusal.detail))
    for volume in counted:
        yield _volume(volume, answers.get(letter(volume)) or State.UNKNOWN, Method.BITLOCKER)


def _volume(volume: StorageVolume, found: State, way: Method) -> Volume:
    role = Role.SYSTEM if volume.is_system else Role.DATA
    return Volume(called(volume), role, found, Method.NONE if found is State.UNENCRYPTED else way)


def _alone(told: EncryptableVolume) -> Volume:
    """Return a volume of which nothing is known but what BitLocker says of it."""
    role = Role.SYSTEM if told.is_system else Role.DATA
    found = state(told)
    way = Method.NONE if found is State.UNENCRYPTED else method(told)
    return Volume(drive(told.drive_letter) or "a volume without a letter", role, found, way)


def _is_plain(volumes: list[Volume]) -> bool:
    return any(volume.state is State.UNENCRYPTED for volume in volumes)


def _doubted(volume: Volume) -> Volume:
    if volume.state is not State.UNENCRYPTED:
        return volume
    return Volume(volume.mount, volume.role, State.UNKNOWN, Method.OTHER)


def _reason(inquiry: Inquiry, told: tuple[EncryptableVolume, ...] | None) -> str:
    if any(source.outcome is SourceOutcome.DENIED for source in inquiry.sources):
        return DENIED
    if any(each.is_locked for each in told or ()):
        return LOCKED
    return INCOMPLETE
