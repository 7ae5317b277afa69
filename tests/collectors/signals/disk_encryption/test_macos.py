"""FileVault, as diskutil and fdesetup tell it on recorded and on written Macs."""

from typing import Any

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.facts import State
from passmuster_collectors.signals.disk_encryption.macos import (
    BY_FILEVAULT,
    by_disk,
    choose_startup_volume,
    combine,
)
from passmuster_collectors.signals.disk_encryption.macos.diskutil import (
    MountedVolume,
    parse_apfs_list,
    parse_info,
    parse_internal_disks,
)
from passmuster_collectors.signals.disk_encryption.macos.filevault import FileVault, parse_status
from passmuster_collectors.text import plist
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import RecordedCase, recorded_case

E, U, ENC, DEC = State.ENCRYPTED, State.UNENCRYPTED, State.ENCRYPTING, State.DECRYPTING

STATUSES = [
    "fdesetup_decrypting_off_line",
    "fdesetup_decrypting_percent",
    "fdesetup_deferred_named_user",
    "fdesetup_deferred_no_user",
    "fdesetup_encrypting_pending_on_battery",
    "fdesetup_on",
    "fdesetup_on_master_keychain",
]


def expected_status(case: RecordedCase) -> FileVault:
    return FileVault(case.facts.get("direction", case.facts["filevault"]))


def mac(status: str, *, filevault: bool, migrating: bool) -> dict[str, Any]:
    volume = {
        "DeviceIdentifier": "disk3s5",
        "Name": "Data",
        "Roles": ["Data"],
        "FileVault": filevault,
        "CryptoMigrationOn": migrating,
    }
    system = {**volume, "DeviceIdentifier": "disk3s1", "Name": "System", "Roles": ["System"]}
    container = {
        "ContainerReference": "disk3",
        "PhysicalStores": [{"DeviceIdentifier": "disk0s2"}],
        "Volumes": [system, volume],
    }
    info = {"FilesystemType": "apfs", "APFSVolumeGroupID": "A"}
    disks = {"WholeDisks": ["disk0"], "AllDisksAndPartitions": []}
    return {
        "platform": "macos",
        "programs": {
            "FDESETUP status": {"stdout": status},
            "DISKUTIL apfs list -plist": {"plist": {"Containers": [container]}},
            "DISKUTIL info -plist /": {"plist": {**info, "DeviceIdentifier": "disk3s1s1"}},
            "DISKUTIL info -plist /System/Volumes/Data": {
                "plist": {**info, "DeviceIdentifier": "disk3s5"}
            },
            "DISKUTIL list -plist internal physical": {"plist": disks},
        },
    }


def outcome(machine: dict[str, Any]) -> Outcome:
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome


class TestRecordings:
    @pytest.mark.parametrize("name", STATUSES)
    def test_the_status_is_read(self, name: str) -> None:
        case = recorded_case(f"macos/disk_encryption/{name}")
        assert parse_status(case.content) is expected_status(case)

    @pytest.mark.parametrize("name", STATUSES)
    def test_a_disk_that_says_the_same_is_judged(self, name: str) -> None:
        case = recorded_case(f"macos/disk_encryption/{name}")
        filevault = case.facts["filevault"] == "on"
        machine = mac(case.text, filevault=filevault, migrating="direction" in case.facts)
        assert outcome(machine) == case.outcome

    @pytest.mark.parametrize("name", STATUSES)
    def test_without_the_disks_own_word_nothing_passes(self, name: str) -> None:
        case = recorded_case(f"macos/disk_encryption/{name}")
        alone = {"FDESETUP status": {"stdout": case.text}}
        expected = Outcome.UNKNOWN if case.outcome == "pass" else case.outcome
        assert outcome({"platform": "macos", "programs": alone}) == expected

    def test_an_unknown_status_is_neither_on_nor_off(self) -> None:
        case = recorded_case("macos/disk_encryption/fdesetup_unrecognised")
        with pytest.raises(SourceConflictError):
            parse_status(case.content)
        assert outcome(mac(case.text, filevault=True, migrating=False)) == case.outcome

    def test_a_volume_that_is_being_converted_is_not_encrypted_yet(self) -> None:
        case = recorded_case("macos/disk_encryption/apfs_list_crypto_migration_running")
        volumes = parse_apfs_list(plist.parse(case.content))
        started_from = MountedVolume(case.facts["boot_volume"], "")
        startup = choose_startup_volume(started_from, None, volumes)
        assert startup.filevault is case.facts["filevault"]
        assert startup.migrating is case.facts["crypto_migration"]
        found = combine(by_disk(startup), None)
        assert found is State.ENCRYPTING, f"the recording says {case.outcome}"


class TestStatus:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ("FileVault is Off, but will be enabled after the next restart.", FileVault.OFF),
            ("FileVault is On.\nEncryption in progress: Percent completed = 4.2", ENC),
            ("FileVault is Off.\nEncryption in progress: Percent completed = 1", ENC),
            ("\nFileVault is On.\n\n", FileVault.ON),
        ],
    )
    def test_known_lines_are_read_in_any_order(self, lines: str, expected: str) -> None:
        assert parse_status(lines.encode()) == expected
        assert parse_status("\n".join(reversed(lines.split("\n"))).encode()) == expected

    @pytest.mark.parametrize(
        "lines",
        [
            "",
            "FileVault is O",
            "FileVault is On",
            "FileVault ist aktiviert.",
            "Encryption in progress: Pending",
            "FileVault is On.\nFileVault is Off.",
            "FileVault is On.\nDeferred enablement appears to be active.",
            "FileVault is On.\nDecryption in pro",
            "FileVault is On.\nFileVault is On.",
            "FileVault is On.\nEncryption in progress: Pending\nDecryption in progress: Pending",
        ],
    )
    def test_anything_more_or_less_is_a_conflict(self, lines: str) -> None:
        with pytest.raises(SourceConflictError):
            parse_status(lines.encode())


class TestAgreement:
    @pytest.mark.parametrize(
        ("disk", "status", "expected"),
        [
            (E, E, E),
            (U, U, U),
            (ENC, ENC, ENC),
            (ENC, DEC, DEC),
            (DEC, DEC, DEC),
            (E, ENC, ENC),
            (E, U, None),
            (U, E, None),
            (ENC, E, None),
            (E, DEC, None),
            (U, ENC, None),
            (None, E, State.UNKNOWN),
            (E, None, State.UNKNOWN),
            (None, U, U),
            (DEC, None, DEC),
            (None, None, State.UNKNOWN),
        ],
    )
    def test_encrypted_needs_both_and_a_disagreement_is_none(
        self, disk: State | None, status: State | None, expected: State | None
    ) -> None:
        assert combine(disk, status) is expected

    def test_no_status_but_on_can_make_a_disk_encrypted(self) -> None:
        disks = [*State, None]
        makers = {
            status
            for status in BY_FILEVAULT
            for disk in disks
            if combine(disk, BY_FILEVAULT[status]) is State.ENCRYPTED
        }
        assert makers == {FileVault.ON}


class TestStartupVolume:
    LISTED = parse_apfs_list(
        mac("", filevault=True, migrating=False)["programs"]["DISKUTIL apfs list -plist"]["plist"]
    )

    def test_it_is_the_data_volume_of_the_group(self) -> None:
        found = choose_startup_volume(
            MountedVolume("disk3s1", "A"), MountedVolume("disk3s5", "A"), self.LISTED
        )
        assert found.device == "disk3s5"

    @pytest.mark.parametrize(
        ("system", "data"),
        [
            (MountedVolume("disk3s1", "A"), MountedVolume("disk3s5", "B")),
            (MountedVolume("disk3s1", ""), MountedVolume("disk3s5", "")),
            (MountedVolume("disk3s1", "A"), None),
            (MountedVolume("disk9s1", "A"), MountedVolume("disk3s5", "A")),
            (MountedVolume("disk3s1", "A"), MountedVolume("disk9s5", "A")),
        ],
        ids=["other-group", "no-group", "no-data", "unlisted-system", "unlisted-data"],
    )
    def test_no_other_volume_stands_in_for_it(
        self, system: MountedVolume, data: MountedVolume | None
    ) -> None:
        with pytest.raises(SourceConflictError):
            choose_startup_volume(system, data, self.LISTED)

    def test_a_snapshot_is_not_the_volume(self) -> None:
        info = {"DeviceIdentifier": "disk3s1s1", "FilesystemType": "apfs"}
        assert parse_info(info) == MountedVolume("disk3s1", "")

    @pytest.mark.parametrize(
        "info",
        [
            [],
            {},
            {"DeviceIdentifier": "disk3s1"},
            {"DeviceIdentifier": "disk3s1", "FilesystemType": "hfs"},
            {"DeviceIdentifier": "disk3", "FilesystemType": "apfs"},
        ],
    )
    def test_what_is_no_apfs_volume_is_a_conflict(self, info: object) -> None:
        with pytest.raises(SourceConflictError):
            parse_info(info)


@pytest.mark.parametrize(
    "value", [[], {}, {"WholeDisks": "disk0"}, {"WholeDisks": ["disk0"]}, {"WholeDisks": [0]}]
)
def test_a_list_of_disks_that_is_none_is_a_conflict(value: object) -> None:
    with pytest.raises(SourceConflictError):
        parse_internal_disks(value)
