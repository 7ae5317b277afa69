"""From a mount or a swap area down to its devices, over file systems that have no number."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import Reading, Source, SourceOutcome, Status
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.facts import DiskEncryptionFacts, Role, State
from passmuster_collectors.signals.disk_encryption.linux import zfs
from passmuster_collectors.signals.disk_encryption.linux.namespace import parse_flags
from passmuster_collectors.signals.disk_encryption.linux.swap import (
    Swap,
    SwapsError,
    parse_swaps,
)
from tests.support.block_tree import Mounted, crypt, disk, machine, partition, virtual
from tests.support.recorded_host import RecordedHost

SDA = disk("sda", "8:0")
BLOCKS = [
    SDA,
    partition("sda1", "8:1", SDA),
    partition("sda2", "8:2", SDA),
    crypt("dm-0", "253:0", "root", "sda2"),
]
ROOT = Mounted("/", "253:0", source="/dev/mapper/root")
PLAIN = Mounted("/", "8:1", source="/dev/sda1")


def read(*args: Any, **sections: Any) -> Reading:
    (reading,) = collect(RecordedHost(machine(*args, **sections)), [SIGNAL])
    return reading


def states(reading: Reading) -> dict[str, State]:
    facts = codec.decode(DiskEncryptionFacts, reading.facts)
    return {volume.mount: volume.state for volume in facts.volumes}


def refusals(reading: Reading) -> list[Source]:
    return [each for each in reading.sources if each.outcome is not SourceOutcome.READ]


class TestFileSystemsWithoutANumber:
    def test_btrfs_that_no_list_of_devices_names_is_unknown(self) -> None:
        root = Mounted("/", "0:28", "btrfs", "/dev/mapper/root")
        files = {"/sys/fs/btrfs/features/raid": "0\n"}
        reading = read(BLOCKS, [root], files=files)
        assert states(reading) == {"/": State.UNKNOWN}
        assert any(each.name == "/sys/fs/btrfs" for each in refusals(reading))

    def test_btrfs_on_a_source_that_is_no_device_is_unknown(self) -> None:
        root = Mounted("/", "0:28", "btrfs", "/dev/root")
        assert states(read(BLOCKS, [root])) == {"/": State.UNKNOWN}

    def test_bcachefs_is_as_good_as_its_devices_or_unknown(self) -> None:
        over_crypt = Mounted("/", "0:28", "bcachefs", "/dev/mapper/root")
        assert states(read(BLOCKS, [over_crypt])) == {"/": State.ENCRYPTED}
        mixed = Mounted("/", "0:28", "bcachefs", "/dev/mapper/root:/dev/sda1")
        assert states(read(BLOCKS, [mixed])) == {"/": State.UNKNOWN}

    @pytest.mark.parametrize(("below", "state"), [(ROOT, "encrypted"), (PLAIN, "unencrypted")])
    def test_an_overlay_rests_where_its_upper_folder_does(self, below: Mounted, state: str) -> None:
        lower = Mounted("/rw", below.number)
        overlay = Mounted("/", "0:40", "overlay", options="rw,lowerdir=/ro,upperdir=/rw/upper")
        assert states(read(BLOCKS, [overlay, lower])) == {"/": State(state)}

    def test_an_overlay_over_itself_is_unknown(self) -> None:
        overlay = Mounted("/", "0:40", "overlay", options="rw,lowerdir=/l,upperdir=/var/x/diff")
        assert states(read(BLOCKS, [overlay])) == {"/": State.UNKNOWN}

    def test_a_file_system_that_nobody_knows_is_unknown_where_the_system_is(self) -> None:
        assert states(read(BLOCKS, [Mounted("/", "0:41", "strange")])) == {"/": State.UNKNOWN}

    def test_zfs_that_does_not_answer_is_unknown(self) -> None:
        root = Mounted("/", "0:25", "zfs", "rpool/ROOT")
        for programs in (
            {},
            {"ZFS get -Hp -o name,value encryption rpool/ROOT": {"status": 1}},
            {"ZFS get -Hp -o name,value encryption rpool/ROOT": {"error": "timeout"}},
            {"ZFS get -Hp -o name,value encryption rpool/ROOT": {"stdout": "other\toff\n"}},
            {"ZFS get -Hp -o name,value encryption rpool/ROOT": {"stdout": "rpool/ROOT\toff\n"}},
        ):
            assert states(read(BLOCKS, [root], programs=programs)) == {"/": State.UNKNOWN}

    def test_every_device_of_a_pool_counts_its_log_and_cache_too(self) -> None:
        output = (
            b"rpool\t460G\t1G\t-\n\tmirror-0\t460G\n\t/dev/dm-0\t-\n\t/dev/dm-1\t-\n"
            b"logs\t-\t-\n\t/dev/sda1\t8G\ncache\t-\n\t/dev/sdb1\t8G\n\t/pool.img\t1G\n"
        )
        assert zfs.parse_devices(output) == (
            *("/dev/dm-0", "/dev/dm-1", "/dev/sda1", "/dev/sdb1"),
            "/pool.img",
        )


class TestDevices:
    def test_a_mapped_name_with_white_space_is_found(self) -> None:
        blocks = [*BLOCKS, crypt("dm-1", "253:1", "cr\\x20#1", "sda1")]
        root = Mounted("/", "0:28", "btrfs", "/dev/mapper/cr\\134x20#1")
        links = {"/sys/fs/btrfs/77/devices/dm-1": "/sys/devices/virtual/block/dm-1"}
        assert states(read(blocks, [root], links=links)) == {"/": State.ENCRYPTED}

    def test_a_number_without_a_device_is_unknown(self) -> None:
        assert states(read(BLOCKS, [Mounted("/", "8:99")])) == {"/": State.UNKNOWN}

    def test_a_loop_device_is_as_good_as_what_holds_its_file(self) -> None:
        loop = virtual("loop3", "7:3", loop__backing_file="/home/ana/disk.img")
        image = Mounted("/mnt/image", "7:3")
        assert states(read([*BLOCKS, loop], [ROOT, image]))["/mnt/image"] is State.ENCRYPTED
        assert states(read([*BLOCKS, loop], [PLAIN, image]))["/mnt/image"] is State.UNENCRYPTED

    def test_a_loop_device_over_a_file_on_itself_is_unknown(self) -> None:
        loop = virtual("loop3", "7:3", loop__backing_file="/disk.img")
        assert states(read([loop], [Mounted("/", "7:3")])) == {"/": State.UNKNOWN}

    def test_a_memory_card_is_left_out_and_built_in_flash_is_not(self) -> None:
        for kind, left_out in (("SD", True), ("MMC", False)):
            card = disk("mmcblk0", "179:0", **{"device/type": kind})
            data = Mounted("/mnt/card", "179:0")
            assert ("/mnt/card" not in states(read([*BLOCKS, card], [ROOT, data]))) is left_out


class TestSwap:
    def test_white_space_and_a_file_without_a_name_are_read(self) -> None:
        content = (
            b"Filename\tType\tSize\tUsed\tPriority\n"
            b"/my\\040swap file 1 0 -2\n/gone\\040(deleted) file 1 0 -3\n"
            b"/dev/dm-1 partition 1 0 5\n"
        )
        assert parse_swaps(content) == (
            Swap("/my swap", True, False),
            Swap("/gone", True, True),
            Swap("/dev/dm-1", False, False),
        )

    def test_no_swap_is_no_line(self) -> None:
        assert parse_swaps(b"Filename\tType\tSize\tUsed\tPriority\n") == ()

    def test_a_table_without_its_heading_is_not_a_kernel_without_swap(self) -> None:
        with pytest.raises(SwapsError):
            parse_swaps(b"")

    @pytest.mark.parametrize("line", [b"/dev/sda1 disk 1 0 -2", b"/dev/sda1 partition", b"x"])
    def test_another_format_is_refused(self, line: bytes) -> None:
        with pytest.raises(SwapsError):
            parse_swaps(b"Filename\n" + line + b"\n")

    def test_a_kernel_that_says_it_has_no_swap_passes(self) -> None:
        files = {
            "/proc/swaps": {"error": "missing"},
            "/proc/meminfo": "MemTotal:  7 kB\nSwapTotal:       0 kB\nSwapFree:        0 kB\n",
        }
        assert read(BLOCKS, [ROOT], files=files).status is Status.OK

    @pytest.mark.parametrize(
        "memory", [{"error": "missing"}, {"error": "denied"}, "", "SwapTotal: 8388604 kB\n"]
    )
    def test_a_missing_list_of_swaps_alone_is_not_a_computer_without_swap(
        self, memory: object
    ) -> None:
        files = {"/proc/swaps": {"error": "missing"}, "/proc/meminfo": memory}
        reading = read(BLOCKS, [ROOT], files=files)
        assert reading.status is Status.UNAVAILABLE
        assert "/proc/swaps" in {each.name for each in refusals(reading)}

    def test_a_swap_file_rests_as_the_volume_that_holds_it(self) -> None:
        swaps = [("/swap.img", "file")]
        status = {"/swap.img": {"device": [253, 0]}}
        assert states(read(BLOCKS, [ROOT], swaps, status=status))["/swap.img"] is State.ENCRYPTED

    def test_a_swap_file_on_another_volume_than_the_table_says_is_a_conflict(self) -> None:
        status = {"/swap.img": {"device": [8, 1]}}
        reading = read(BLOCKS, [ROOT], [("/swap.img", "file")], status=status)
        assert states(reading)["/swap.img"] is State.UNKNOWN
        assert [each.outcome for each in refusals(reading) if each.name == "/swap.img"] == [
            SourceOutcome.CONFLICT
        ]

    def test_a_swap_file_without_a_name_is_unknown(self) -> None:
        reading = read(BLOCKS, [ROOT], [("/swap\\040(deleted)", "file")])
        assert states(reading)["/swap"] is State.UNKNOWN


class TestTheReadingAsAWhole:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ({"error": "missing"}, "container"),
            ("2 (bash) S 1 2 2 0 -1 4194304 0 0\n", "container"),
            ({"error": "denied"}, "not allowed"),
            ("garbage", "contradicts itself"),
        ],
    )
    def test_a_process_that_is_not_the_kernels_means_a_container(
        self, content: object, reason: str
    ) -> None:
        reading = read(BLOCKS, [ROOT], files={"/proc/2/stat": content})
        assert reading.status is Status.UNAVAILABLE
        assert reading.facts is None
        assert reason in reading.reason

    def test_brackets_in_a_name_do_not_shift_the_fields(self) -> None:
        assert parse_flags(b"2 (a) b) (c) S 0 0 0 0 -1 2129984 0 0") == 2129984
        with pytest.raises(SourceConflictError):
            parse_flags(b"2 (kthreadd) S 0")

    def test_more_volumes_than_there_is_room_for_keep_the_worst_and_never_pass(self) -> None:
        data = [Mounted(f"/data/{n:03}", f"253:{n + 1}") for n in range(90)]
        many = [crypt(f"dm-{n + 1}", f"253:{n + 1}", f"d{n}", "sda1") for n in range(90)]
        plain = Mounted("/zzz", "8:1")
        reading = read([*BLOCKS, *many], [ROOT, *data, plain])
        assert reading.status is Status.UNAVAILABLE
        found = states(reading)
        assert len(found) == 64
        assert found["/zzz"] is State.UNENCRYPTED

    def test_a_path_that_is_not_unicode_and_too_long_goes_over_the_wire(self) -> None:
        odd = Mounted("/mnt/\udcff" + "x" * 400, "8:1")
        recorded = machine(BLOCKS, [ROOT])
        line = f"90 20 8:1 / {odd.point} rw - ext4 /dev/sda1 rw\n"
        recorded["files"]["/proc/1/mountinfo"] += line
        (reading,) = collect(RecordedHost(recorded), [SIGNAL])
        facts = codec.decode(DiskEncryptionFacts, reading.facts)
        (found,) = (volume for volume in facts.volumes if volume.role is Role.DATA)
        assert found.mount.startswith("/mnt/\ufffdxxx")
        assert len(found.mount) == 256


class TestHomesThatTheFileSystemEncrypts:
    def test_an_encrypted_home_on_a_plain_disk_is_the_home_alone(self) -> None:
        reading = read(BLOCKS, [PLAIN], fscrypt={"/home/ana": True})
        assert states(reading) == {"~": State.ENCRYPTED, "/": State.UNENCRYPTED}
        findings = SIGNAL.judge(reading, SIGNAL.limits()).findings
        assert [each.problem for each in findings] == ["only_home_encrypted"]

    def test_one_that_systemd_homed_mounts_from_its_folder_is_not_judged_by_the_disk(self) -> None:
        home = Mounted("/home/bo", "8:1", source="/dev/sda1", root="/home/bo.homedir")
        assert states(read(BLOCKS, [PLAIN, home]))["~"] is State.UNENCRYPTED
        reading = read(BLOCKS, [PLAIN, home], fscrypt={"/home/bo": True})
        assert states(reading)["~"] is State.ENCRYPTED

    @pytest.mark.parametrize("refusal", ["denied", "missing", "conflict"])
    def test_one_that_may_not_be_looked_into_is_as_good_as_its_disk(self, refusal: str) -> None:
        for root, state in ((PLAIN, State.UNENCRYPTED), (ROOT, State.ENCRYPTED)):
            reading = read(BLOCKS, [root], fscrypt={"/home/ana": {"error": refusal}})
            assert states(reading) == {"/": state}
            assert reading.status is Status.OK

    def test_a_folder_on_the_network_is_not_touched(self) -> None:
        home = Mounted("/home", "0:50", "nfs4", "server:/home")
        reading = read(BLOCKS, [ROOT, home], fscrypt={"/home/ana": True})
        assert "~" not in states(reading)


def test_a_home_encrypted_file_by_file_in_another_folder_is_the_home_alone() -> None:
    for kind in ("fuse.gocryptfs", "fuse.cryfs", "ecryptfs"):
        home = Mounted("/home/ana", "0:60", kind, "/home/.ana")
        reading = read(BLOCKS, [PLAIN, home])
        assert states(reading) == {"~": State.ENCRYPTED, "/": State.UNENCRYPTED}
        findings = SIGNAL.judge(reading, SIGNAL.limits()).findings
        assert [each.problem for each in findings] == ["only_home_encrypted"]


def test_core_dumps_and_hibernation_go_where_something_is_told() -> None:
    """systemd-coredump writes below /var; the kernel hibernates to a swap area that is active."""
    var = Mounted("/var", "8:1", source="/dev/sda1")
    reading = read(BLOCKS, [ROOT, var], [("/dev/sda1", "partition")])
    assert states(reading)["/var"] is State.UNENCRYPTED
    assert states(reading)["/dev/sda1"] is State.UNENCRYPTED


@pytest.mark.parametrize("kind", ["TCRYPT", "FVAULT2", "BITLK", "LOOPAES"])
def test_a_data_volume_of_another_system_that_cryptsetup_opened_is_encrypted(kind: str) -> None:
    opened = crypt("dm-1", "253:1", "other", "sda1", kind)
    reading = read([*BLOCKS, opened], [ROOT, Mounted("/mnt/other", "253:1")])
    assert states(reading)["/mnt/other"] is State.ENCRYPTED
