"""What the methods of Win32_EncryptableVolume return, and what it means.

Numbers: GetProtectionStatus, GetConversionStatus, GetLockStatus, GetEncryptionMethod and
GetKeyProtectors in the documentation of the class.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.disk_encryption.facts import Method, State

SOURCE = "Win32_EncryptableVolume"
MAX_VOLUMES = 256
LONGEST = 256

SYSTEM_VOLUME = 0
PROTECTED, UNPROTECTED = 1, 0
DECRYPTED, ENCRYPTED, ENCRYPTING, DECRYPTING, ENCRYPTION_PAUSED, DECRYPTION_PAUSED = range(6)
LOCKED = 1
USED_SPACE_ONLY = 0x1
HARDWARE = 5
SOFTWARE = frozenset({1, 2, 3, 4, 6, 7})
LOCKED_VOLUME = 0x80310000  # FVE_E_LOCKED_VOLUME, winerror.h


@dataclass(frozen=True)
class EncryptableVolume:
    """One volume. A number is None where its method failed; `protectors` too.

    `encryption_method` is -1 where the method was not called at all.
    """

    device_id: str
    drive_letter: str
    is_system: bool
    protection: int | None
    conversion: int | None
    flags: int | None
    is_locked: bool
    encryption_method: int | None
    protectors: tuple[int, ...] | None


def parse_volumes(value: Any) -> tuple[EncryptableVolume, ...]:
    """Return the volumes of which the script prints the answers. Raises `SourceConflictError`."""
    return tuple(parse_volume(each) for each in _listed(value))


def parse_volume(value: Any) -> EncryptableVolume:
    """Return one volume. Raises `SourceConflictError`."""
    if not isinstance(value, dict):
        raise SourceConflictError(SOURCE, "a volume that is no object")
    protection = _answer(value, "GetProtectionStatus")
    conversion = _answer(value, "GetConversionStatus")
    lock = _answer(value, "GetLockStatus")
    kind = _whole(value.get("VolumeType"), "VolumeType")
    types = value.get("KeyProtectorTypes")
    called = "GetEncryptionMethod" in value
    return EncryptableVolume(
        device_id=_text(value, "DeviceID"),
        drive_letter=_text(value, "DriveLetter"),
        is_system=kind == SYSTEM_VOLUME,
        protection=protection.get("ProtectionStatus"),
        conversion=conversion.get("ConversionStatus"),
        flags=conversion.get("EncryptionFlags"),
        is_locked=lock.get("LockStatus") == LOCKED
        or LOCKED_VOLUME in {protection["ReturnValue"], conversion["ReturnValue"]},
        encryption_method=_answer(value, "GetEncryptionMethod").get("EncryptionMethod")
        if called
        else -1,
        protectors=None
        if types is None
        else tuple(_whole(each, "KeyProtectorTypes") for each in _listed(types)),
    )


def state(volume: EncryptableVolume) -> State:
    """Return whether what lies on the volume is unreadable without a secret.

    A percentage is no evidence: it is rounded. Nor is a key protector: a disk that is not encrypted
    can have one. Protection that is off on an encrypted disk means that its key lies on it in the
    clear: suspended where somebody holds a key, not yet begun where nobody does.
    """
    if volume.conversion == DECRYPTED:
        return State.UNENCRYPTED
    if volume.conversion in {DECRYPTING, DECRYPTION_PAUSED}:
        return State.DECRYPTING
    if volume.is_locked or volume.protection not in {PROTECTED, UNPROTECTED}:
        return State.UNKNOWN
    if volume.conversion in {ENCRYPTING, ENCRYPTION_PAUSED}:
        if volume.protectors is None:
            return State.UNKNOWN
        return State.ENCRYPTING if volume.protectors else State.KEY_EXPOSED
    if volume.conversion != ENCRYPTED:
        return State.UNKNOWN
    if volume.protection == PROTECTED:
        return State.ENCRYPTED
    return State.SUSPENDED if volume.protectors else State.KEY_EXPOSED


def method(volume: EncryptableVolume) -> Method:
    """Return what encrypts the volume: BitLocker itself, or the disk on its word."""
    if volume.encryption_method == HARDWARE:
        return Method.HARDWARE
    known = volume.encryption_method == -1 or volume.encryption_method in SOFTWARE
    return Method.BITLOCKER if known else Method.OTHER


def note(volume: EncryptableVolume) -> str:
    """Return what IT may want to know of an encrypted volume; empty for nothing."""
    only_used = volume.flags is not None and volume.flags & USED_SPACE_ONLY
    return "used space only" if only_used and state(volume) is State.ENCRYPTED else ""


def _listed(value: Any) -> list[Any]:
    """Return a list as PowerShell prints one: one item may stand alone or be wrapped (5.1)."""
    if isinstance(value, dict) and value.keys() == {"value", "Count"}:
        value = value["value"]
    found = value if isinstance(value, list) else [value]
    if value is None or len(found) > MAX_VOLUMES:
        raise SourceConflictError(SOURCE, "not a list of that size")
    return found


def _answer(value: Mapping[str, Any], name: str) -> dict[str, int]:
    """Return the numbers that a method returned, `ReturnValue` alone where it failed."""
    answer = value.get(name, {"ReturnValue": None})
    if not isinstance(answer, dict):
        raise SourceConflictError(SOURCE, f"{name} is no object")
    code = answer.get("ReturnValue")
    if code is None and name in value:
        raise SourceConflictError(SOURCE, f"{name} returned nothing")
    if code != 0:
        return {"ReturnValue": -1 if code is None else _whole(code, name)}
    return {field: _whole(number, name) for field, number in answer.items()}


def _whole(value: Any, name: str) -> int:
    if type(value) is not int:
        raise SourceConflictError(SOURCE, f"{name} is no number")
    return value


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name, "")
    if not isinstance(found, str) or len(found) > LONGEST:
        raise SourceConflictError(SOURCE, f"{name} is no text")
    return found
