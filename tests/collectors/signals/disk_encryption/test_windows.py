"""What the parts of the Windows reader conclude, each by itself."""

import base64
import itertools
from typing import Any

import pytest

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from passmuster_collectors.host.windows_answers import StorageVolume
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.facts import Method, State
from passmuster_collectors.signals.disk_encryption.windows.encryptable import (
    EncryptableVolume,
    method,
    parse_volume,
    parse_volumes,
    state,
)
from passmuster_collectors.signals.disk_encryption.windows.methods import (
    ARGUMENTS,
    SCRIPT,
    call_methods,
)
from passmuster_collectors.signals.disk_encryption.windows.places import (
    called,
    holds_data,
    letter,
)
from tests.support.recorded_host import RecordedHost


def volume(**changed: Any) -> EncryptableVolume:
    fields: dict[str, Any] = {
        "device_id": "x",
        "drive_letter": "C:",
        "is_system": True,
        "protection": 1,
        "conversion": 1,
        "flags": 0,
        "is_locked": False,
        "encryption_method": 6,
        "protectors": (1,),
    }
    return EncryptableVolume(**{**fields, **changed})


def test_encrypted_is_one_case_of_all_alone() -> None:
    cases = itertools.product(
        (None, 0, 1, 2, 7), (None, 0, 1, 2, 3, 4, 5, 6), (False, True), (None, (), (1, 3))
    )
    found = [
        (protection, conversion, locked)
        for protection, conversion, locked, protectors in cases
        if state(
            volume(
                protection=protection,
                conversion=conversion,
                is_locked=locked,
                protectors=protectors,
            )
        )
        is State.ENCRYPTED
    ]
    assert set(found) == {(1, 1, False)}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (5, Method.HARDWARE),
        (6, Method.BITLOCKER),
        (7, Method.BITLOCKER),
        (0, Method.OTHER),
        (0xFFFFFFFF, Method.OTHER),
        (None, Method.OTHER),
    ],
)
def test_what_encrypts(number: int | None, expected: Method) -> None:
    assert method(volume(encryption_method=number)) is expected


@pytest.mark.parametrize(
    "told",
    [
        [],
        "C:",
        {"VolumeType": "0"},
        {"VolumeType": True},
        {"VolumeType": 0, "GetProtectionStatus": 1},
        {"VolumeType": 0, "GetProtectionStatus": {}},
        {"VolumeType": 0, "GetProtectionStatus": {"ReturnValue": 0, "ProtectionStatus": "1"}},
        {"VolumeType": 0, "DeviceID": 5},
        {"VolumeType": 0, "DriveLetter": "C" * 300},
        {"VolumeType": 0, "KeyProtectorTypes": [None]},
    ],
)
def test_what_the_script_does_not_print_is_a_conflict(told: Any) -> None:
    with pytest.raises(SourceConflictError):
        parse_volume(told)


@pytest.mark.parametrize("told", [None, [None], [1], [{}] * 300])
def test_a_list_of_something_else_is_a_conflict(told: Any) -> None:
    with pytest.raises(SourceConflictError):
        parse_volumes(told)


def test_the_script_is_constant_and_reads_no_property_that_windows_keeps() -> None:
    encoded = ARGUMENTS[ARGUMENTS.index("-EncodedCommand") + 1]
    assert base64.b64decode(encoded).decode("utf-16-le") == SCRIPT
    assert SCRIPT.isascii()
    assert "$volume.ProtectionStatus" not in SCRIPT
    assert "$volume.ConversionStatus" not in SCRIPT
    assert "[Console]" not in SCRIPT, "a locked-down PowerShell refuses methods of .NET"
    assert len(" ".join(ARGUMENTS)) < 8191, "the longest command line"


@pytest.mark.parametrize(
    ("code", "kind"),
    [(2, SourceDeniedError), (3, SourceMissingError), (0, SourceConflictError), ("2", Exception)],
)
def test_what_windows_refuses_is_told_apart(code: Any, kind: type[Exception]) -> None:
    programs = {"POWERSHELL # BitLocker": {"json": {"error": code}}}
    with pytest.raises(kind):
        call_methods(RecordedHost({"platform": "windows", "programs": programs}))


def test_a_script_that_ends_badly_is_a_conflict() -> None:
    programs = {"POWERSHELL # BitLocker": {"status": 1, "json": {"volumes": []}}}
    with pytest.raises(SourceConflictError, match="exit status 1"):
        call_methods(RecordedHost({"platform": "windows", "programs": programs}))


def storage(**changed: Any) -> StorageVolume:
    fields: dict[str, Any] = {
        "name": "x",
        "mounts": ("D:\\",),
        "drive_type": 3,
        "file_system": "NTFS",
        "bus_type": 17,
        "removable_media": False,
        "is_system": False,
    }
    return StorageVolume(**{**fields, **changed})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"bus_type": -1}, True),
        ({"drive_type": 0}, True),
        ({"file_system": ""}, True),
        ({"mounts": ()}, False),
        ({"mounts": (), "is_system": True}, True),
        ({"bus_type": 7}, False),
        ({"bus_type": 7, "is_system": True}, True),
        ({"removable_media": True}, False),
        ({"drive_type": 2}, False),
        ({"drive_type": 4}, False),
        ({"drive_type": 5}, False),
        ({"bus_type": 15}, False),
    ],
)
def test_which_volumes_count(changed: dict[str, Any], expected: bool) -> None:
    assert holds_data(storage(**changed)) is expected


def test_a_folders_name_stays_on_the_laptop() -> None:
    in_a_folder = storage(mounts=("C:\\Users\\ana\\Archive\\",))
    assert called(in_a_folder) == "a folder on C:"
    assert letter(in_a_folder) == ""
    assert called(storage(mounts=("C:\\data\\", "e:\\"))) == "E:"
    assert called(storage(mounts=())) == "a volume without a letter"


def test_what_used_space_only_means_is_left_to_people() -> None:
    conversion = {"ReturnValue": 0, "ConversionStatus": 1, "EncryptionFlags": 1}
    told = {
        "DeviceID": "x",
        "DriveLetter": "C:",
        "VolumeType": 0,
        "GetProtectionStatus": {"ReturnValue": 0, "ProtectionStatus": 1},
        "GetConversionStatus": conversion,
        "KeyProtectorTypes": [1],
    }
    machine = {
        "platform": "windows",
        "storage_volumes": [{"name": "X", "mounts": ["C:\\"], "is_system": True}],
        "programs": {"POWERSHELL # BitLocker": {"json": {"volumes": [told]}}},
    }
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    assert ("Win32_EncryptableVolume C:", "used space only") in [
        (source.name, source.detail) for source in reading.sources
    ]
