"""What real machines printed about their disks, read as the reader reads it."""

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.facts import DiskEncryptionFacts, State
from passmuster_collectors.signals.disk_encryption.linux import zfs
from passmuster_collectors.signals.disk_encryption.linux.keys import Key, parse_crypttab
from passmuster_collectors.signals.disk_encryption.linux.swap import Swap, parse_swaps
from tests.support.block_tree import Mounted, crypt, disk, machine, partition
from tests.support.lsblk import json_rows, machine_of, tree_rows
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case

ROOM = "linux/disk_encryption"


def read(recorded: dict[str, object]) -> tuple[dict[str, State], str]:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    facts = codec.decode(DiskEncryptionFacts, reading.facts)
    states = {volume.mount: volume.state for volume in facts.volumes}
    return states, str(SIGNAL.judge(reading, SIGNAL.limits()).outcome)


def test_locked_volumes_elsewhere_do_not_make_a_plain_root_encrypted() -> None:
    case = recorded_case(f"{ROOM}/lsblk_multi_disk_luks_elsewhere_root_plain")
    states, outcome = read(machine_of(json_rows(case.text)))
    assert states["/"] is State.UNENCRYPTED
    assert case.facts["root_encrypted"] is False
    assert outcome == case.outcome


def test_the_root_is_found_where_lsblk_shows_another_mount_of_it() -> None:
    case = recorded_case(f"{ROOM}/lsblk_nixos_luks_on_lvm_mountpoint_not_slash")
    recorded = machine_of(json_rows(case.text))
    shown = "/etc/NetworkManager/system-connections"
    table = recorded["files"]["/proc/1/mountinfo"]
    line = next(line for line in table.splitlines() if shown in line)
    number = line.split()[2]
    recorded["files"]["/proc/1/mountinfo"] = f"9 0 {number} / / rw - ext4 /dev/root rw\n{table}"
    states, outcome = read(recorded)
    assert states["/"] is State.ENCRYPTED
    assert list(states.values()).count(State.ENCRYPTED) == len(states) == 2, "root and swap"
    assert outcome == case.outcome


@pytest.mark.parametrize("name", ["lsblk_text_lvm_plain", "lsblk_text_multipath_many_parents"])
def test_logical_volumes_are_no_encryption(name: str) -> None:
    case = recorded_case(f"{ROOM}/{name}")
    states, outcome = read(machine_of(tree_rows(case.text)))
    assert states["/"] is State.UNENCRYPTED
    assert set(states.values()) == {State.UNENCRYPTED}
    assert outcome == case.outcome


def test_a_volume_over_many_disks_is_walked_down_to_all_of_them() -> None:
    text = recorded_case(f"{ROOM}/lsblk_text_multipath_many_parents").text
    rows = tree_rows(text)
    assert len({row.parent for row in rows if row.name == "appdg-app"}) == 3
    assert read(machine_of(rows))[0]["/splunk"] is State.UNENCRYPTED


def test_a_key_file_on_a_plain_root_gives_its_volume_away() -> None:
    case = recorded_case(f"{ROOM}/crypttab_keyfile_home")
    (name,) = parse_crypttab(case.content)
    assert parse_crypttab(case.content)[name] == Key(file=case.facts["keyfile"])
    hardware = disk("sda", "8:0")
    recorded = machine(
        [
            hardware,
            partition("sda1", "8:1", hardware),
            partition("sda2", "8:2", hardware),
            crypt("dm-0", "253:0", name, "sda2"),
        ],
        [Mounted("/", "8:1"), Mounted("/home", "253:0")],
        files={"/etc/crypttab": case.text},
    )
    assert read(recorded)[0]["/home"] is State.KEY_EXPOSED


def test_a_swap_file_is_told_from_a_partition() -> None:
    case = recorded_case(f"{ROOM}/proc_swaps_swapfile")
    (expected,) = case.facts["swap"]
    assert parse_swaps(case.content) == (Swap(expected["path"], True, False),)


def test_data_sets_without_encryption_are_read_as_such() -> None:
    case = recorded_case(f"{ROOM}/zfs_get_H_all_off")
    values = zfs.parse_values(case.content)
    assert len(values) == 3
    assert not any(zfs.encrypts(value) for value in values.values())
