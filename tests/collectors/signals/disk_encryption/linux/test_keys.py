"""Where keys come from, and which of them lie open."""

from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.disk_encryption import SIGNAL
from passmuster_collectors.signals.disk_encryption.facts import DiskEncryptionFacts, State
from passmuster_collectors.signals.disk_encryption.linux.keys import (
    CrypttabError,
    Key,
    parse_command_line,
    parse_crypttab,
)
from tests.support.block_tree import (
    ON_USB,
    UUID,
    Block,
    Mounted,
    crypt,
    disk,
    machine,
    partition,
)
from tests.support.recorded_host import RecordedHost

SDA = disk("sda", "8:0")
STICK = disk("sdb", "8:16", folder=ON_USB)
BLOCKS = (
    SDA,
    partition("sda1", "8:1", SDA),
    partition("sda2", "8:2", SDA),
    partition("sda3", "8:3", SDA),
    STICK,
    partition("sdb1", "8:17", STICK),
    crypt("dm-0", "253:0", "root", "sda2"),
    crypt("dm-1", "253:1", "home", "sda3"),
)
ROOT, HOME = Mounted("/", "253:0"), Mounted("/home", "253:1")
PLAIN_ROOT, BOOT = Mounted("/", "8:1"), Mounted("/boot", "8:1")


def states(
    mounts: list[Mounted], crypttab: str = "", extra: tuple[Block, ...] = (), **sections: Any
) -> dict[str, State]:
    files = {"/etc/crypttab": crypttab, **sections.pop("files", {})}
    recorded = machine([*BLOCKS, *extra], mounts, files=files, **sections)
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    facts = codec.decode(DiskEncryptionFacts, reading.facts)
    return {volume.mount: volume.state for volume in facts.volumes}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b"root UUID=1 none luks", Key()),
        (b"root UUID=1 - luks", Key()),
        (b"root UUID=1", Key()),
        (b"swap /dev/sda3 /dev/urandom swap", Key()),
        (b"root UUID=1 /etc/keys/root.key luks,discard", Key("/etc/keys/root.key")),
        (b"root UUID=1 /my\\040key luks", Key("/my key")),
        (b"root UUID=1 /key:UUID=77 luks", Key("/key", "UUID=77")),
        (b"root UUID=1 /dev/disk/by-id/usb-x:0 luks", Key("/dev/disk/by-id/usb-x:0")),
        (b"root UUID=1 - tpm2-device=auto", Key()),
        (b"root UUID=1 /etc/sealed.blob pkcs11-uri=auto", Key()),
        (b"root UUID=1 other keyscript=/lib/cryptsetup/scripts/decrypt_derived", Key()),
        (b"root UUID=1 x keyscript=/usr/local/bin/cat-key", Key(script="/usr/local/bin/cat-key")),
        (b"root UUID=1 /dev/sdb1:/key:5 keyscript=passdev", Key("/key", "/dev/sdb1")),
    ],
)
def test_a_line_of_crypttab_says_where_the_key_comes_from(line: bytes, key: Key) -> None:
    assert list(parse_crypttab(b"# comment\n\n" + line + b"\n").values()) == [key]


def test_a_line_that_is_none_is_refused() -> None:
    with pytest.raises(CrypttabError):
        parse_crypttab(b"garbage")


def test_the_kernels_command_line_names_keys_of_the_initial_file_system() -> None:
    words = b"quiet rd.luks.key=A1B2-C3=/key rd.luks.key=/all:LABEL=x cryptkey=rootfs:/c.bin"
    assert parse_command_line(words) == {
        "a1b2c3": Key("/key", at_start=True),
        "": Key("/c.bin", at_start=True),
    }


def test_a_key_on_a_plain_root_is_exposed() -> None:
    crypttab = "home UUID=1 /etc/keys/home.key luks\n"
    assert states([PLAIN_ROOT, HOME], crypttab)["/home"] is State.KEY_EXPOSED


def test_a_key_that_systemd_takes_without_being_told_is_exposed_too() -> None:
    status = {"/etc/cryptsetup-keys.d/home.key": {"device": [8, 1], "mode": "100600"}}
    found = states([PLAIN_ROOT, HOME], "home UUID=1 none luks\n", status=status)
    assert found["/home"] is State.KEY_EXPOSED


def test_a_folder_of_keys_that_may_not_be_looked_into_matters_on_a_plain_root_alone() -> None:
    status = {"/etc/cryptsetup-keys.d/home.key": {"error": "denied"}}
    assert states([PLAIN_ROOT, HOME], status=status)["/home"] is State.UNKNOWN
    assert states([ROOT, HOME, BOOT], status=status)["/home"] is State.ENCRYPTED


def test_a_key_on_an_encrypted_root_is_well_kept() -> None:
    crypttab = "root UUID=1 none\nhome UUID=2 /etc/keys/home.key luks\n"
    assert states([ROOT, HOME, BOOT], crypttab)["/home"] is State.ENCRYPTED


def test_a_key_behind_a_key_that_is_exposed_is_exposed() -> None:
    crypttab = "root UUID=1 /boot/root.key\nhome UUID=2 /etc/keys/home.key luks\n"
    assert states([ROOT, HOME, BOOT], crypttab) == {
        "/": State.KEY_EXPOSED,
        "/home": State.KEY_EXPOSED,
    }


def test_two_volumes_that_keep_each_others_key_are_unknown_on_a_plain_boot() -> None:
    crypttab = "root UUID=1 /home/root.key\nhome UUID=2 /etc/home.key\n"
    assert set(states([ROOT, HOME, BOOT], crypttab).values()) == {State.UNKNOWN}


def test_a_volume_that_holds_its_own_key_is_fine_where_boot_is_inside_of_it() -> None:
    assert states([ROOT], "root UUID=1 /crypto_keyfile.bin luks\n")["/"] is State.ENCRYPTED


def test_a_key_on_the_command_line_is_unknown_on_a_plain_boot() -> None:
    words = {"/proc/cmdline": f"quiet rd.luks.key={UUID}=/keyfile\n"}
    assert states([ROOT, BOOT], files=words)["/"] is State.UNKNOWN
    assert states([ROOT], files=words)["/"] is State.ENCRYPTED


def test_a_key_on_a_stick_is_well_kept_plugged_in_or_not() -> None:
    crypttab = "root UUID=1 /key:/dev/sdb1 luks\n"
    assert states([ROOT, BOOT], crypttab)["/"] is State.ENCRYPTED
    absent = "root UUID=1 /key:UUID=not-here luks\n"
    assert states([ROOT, BOOT], absent)["/"] is State.ENCRYPTED


def test_a_key_on_a_plain_partition_that_is_built_in_is_exposed() -> None:
    assert states([ROOT, BOOT], "root UUID=1 /key:/dev/sda1 luks\n")["/"] is State.KEY_EXPOSED
    raw = "root UUID=1 /dev/sda1 luks,keyfile-size=32\n"
    assert states([ROOT, BOOT], raw)["/"] is State.KEY_EXPOSED


def test_a_key_in_memory_only_is_well_kept() -> None:
    run = Mounted("/run", "0:24", "tmpfs")
    crypttab = "root UUID=1 /run/cryptsetup-keys.d/root.key\n"
    assert states([ROOT, BOOT, run], crypttab)["/"] is State.ENCRYPTED


def test_a_key_script_that_nobody_knows_is_unknown() -> None:
    crypttab = "root UUID=1 x keyscript=/usr/local/bin/cat-key\n"
    assert states([ROOT, BOOT], crypttab)["/"] is State.UNKNOWN


@pytest.mark.parametrize("refusal", ["denied", "timeout", "conflict"])
def test_a_crypttab_that_can_not_be_read_leaves_it_open(refusal: str) -> None:
    files = {"/etc/crypttab": {"error": refusal}}
    assert states([ROOT, BOOT], files=files)["/"] is State.UNKNOWN


def test_no_crypttab_is_no_key_file() -> None:
    files = {"/etc/crypttab": {"error": "missing"}}
    assert states([ROOT, BOOT], files=files)["/"] is State.ENCRYPTED


def test_a_line_about_another_device_says_nothing() -> None:
    crypttab = "other UUID=9 /boot/other.key luks\n"
    assert states([ROOT, BOOT], crypttab)["/"] is State.ENCRYPTED
