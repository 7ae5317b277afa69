"""What a device mapper UUID, a table and the list of ciphers say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.signals.disk_encryption.facts import Method, State
from passmuster_collectors.signals.disk_encryption.linux.device_mapper import (
    AlgorithmsError,
    Role,
    Table,
    null_cipher_is_in_use,
    parse_change,
    parse_tables,
    parse_uuid,
)

VOLUME = "a1b2c3d4e5f60718293a4b5c6d7e8f90"


@pytest.mark.parametrize(
    ("uuid", "method", "volume", "name"),
    [
        (f"CRYPT-LUKS1-{VOLUME}-root", Method.LUKS1, VOLUME, "root"),
        (f"CRYPT-LUKS2-{VOLUME}-luks-1-2", Method.LUKS2, VOLUME, "luks-1-2"),
        (f"CRYPT-LUKS2-OPAL-{VOLUME}-root", Method.HARDWARE, VOLUME, "root"),
        ("CRYPT-PLAIN-swap-a", Method.PLAIN, "", "swap-a"),
        (f"CRYPT-BITLK-{VOLUME}-bitlk-1", Method.BITLOCKER, VOLUME, "bitlk-1"),
        ("CRYPT-FVAULT2-x", Method.FILEVAULT, "", "x"),
        ("CRYPT-TCRYPT-vera", Method.OTHER, "", "vera"),
        ("CRYPT-LOOPAES-old", Method.OTHER, "", "old"),
    ],
)
def test_what_encrypts_is_named(uuid: str, method: Method, volume: str, name: str) -> None:
    found = parse_uuid(uuid)
    assert (found.role, found.method, found.volume, found.name) == (
        Role.ENCRYPTS,
        method,
        volume,
        name,
    )


@pytest.mark.parametrize(
    "uuid",
    [
        "CRYPT-INTEGRITY-root",
        f"CRYPT-VERITY-{VOLUME}-usr",
        "LVM-abcdef",
        "mpath-36005076",
        "part1-mpath-36005076",
        "DMRAID-isw",
        "",
        "my-CRYPT-LUKS2-root",
        "crypt-luks2-root",
    ],
)
def test_what_only_looks_like_it_passes_on(uuid: str) -> None:
    assert parse_uuid(uuid).role is Role.PASSES_ON


@pytest.mark.parametrize("uuid", ["CRYPT-LUKS3-x", "CRYPT-SUBDEV-x", "CRYPT", "CRYPT-", "CRYPT-x"])
def test_a_type_that_is_not_known_is_neither(uuid: str) -> None:
    assert parse_uuid(uuid).role in (Role.UNKNOWN, Role.PASSES_ON)
    assert parse_uuid(uuid).role is (Role.PASSES_ON if uuid == "CRYPT" else Role.UNKNOWN)


@given(st.text())
def test_any_text_as_a_uuid_is_answered(uuid: str) -> None:
    assert parse_uuid(uuid).role in Role


def test_tables_are_read_by_name_with_white_space_in_it() -> None:
    output = (
        b"vg-root: 0 1000 linear 253:0 2048\n"
        b"cr\\x20#1: 0 8386560 crypt aes-xts-plain64 :64:logon:cryptsetup:a-d0 0 8:1 32768\n"
        b"a: b: 0 8 crypt capi:xts(aes)-plain64 00 0 8:1 0\n"
    )
    found = parse_tables(output)
    assert found["vg-root"] == Table(("linear",), ())
    assert found["cr\\x20#1"] == Table(("crypt",), ("aes-xts-plain64",))
    assert found["a: b"].ciphers == ("capi:xts(aes)-plain64",)


def test_a_table_with_encrypted_and_plain_parts_is_partly_plain() -> None:
    assert Table(("crypt", "linear"), ("aes",)).is_partly_plain
    assert not Table(("crypt", "crypt"), ("aes", "aes")).is_partly_plain
    assert not Table(("linear",), ()).is_partly_plain


@pytest.mark.parametrize("cipher", ["cipher_null-ecb", "capi:ecb(cipher_null)-plain"])
def test_a_cipher_that_does_nothing_is_found(cipher: str) -> None:
    assert Table(("crypt",), (cipher,)).has_null_cipher


def test_no_output_and_no_devices_are_no_tables() -> None:
    assert parse_tables(b"") == {}
    assert parse_tables(b"No devices found\n") == {}


STANZAS = (
    "name         : ecb(cipher_null)\ndriver       : ecb-cipher_null\nmodule       : kernel\n"
    "priority     : 100\nrefcnt       : {null}\n\n"
    "name         : xts(aes)\ndriver       : xts-aes-aesni\nrefcnt       : 9\n"
)


@pytest.mark.parametrize(("count", "expected"), [(1, False), (2, True), (12, True)])
def test_the_kernel_counts_the_users_of_the_null_cipher(count: int, expected: bool) -> None:
    assert null_cipher_is_in_use(STANZAS.format(null=count).encode(), b"6.1.0\n") is expected


IPSEC = "\nname         : authenc(hmac(sha256),cbc(aes))\nrefcnt       : {users}\n"


@pytest.mark.parametrize(
    ("release", "null", "ipsec", "expected"),
    [
        (b"6.1.0-18-amd64\n", 2, 3, False),
        (b"6.1.0-18-amd64\n", 3, 3, True),
        (b"6.1.0-18-amd64\n", 2, 1, True),
        (b"6.18.2\n", 2, 3, True),
        (b"", 2, 3, True),
    ],
    ids=["a vpn", "a vpn and a disk", "a vpn at rest", "a kernel that copies itself", "no version"],
)
def test_a_vpn_is_not_taken_for_a_disk_where_the_kernel_copies_with_the_null_cipher(
    release: bytes, null: int, ipsec: int, expected: bool
) -> None:
    algorithms = STANZAS.format(null=null) + IPSEC.format(users=ipsec)
    assert null_cipher_is_in_use(algorithms.encode(), release) is expected


def test_this_kernels_list_of_ciphers_is_understood() -> None:
    with open("/proc/crypto", "rb") as algorithms:  # noqa: PTH123 - /proc has no size to read by
        assert null_cipher_is_in_use(algorithms.read(), b"") in (True, False)


def test_a_list_without_a_cipher_is_refused() -> None:
    with pytest.raises(AlgorithmsError):
        null_cipher_is_in_use(b"\xff\xfe garbage", b"6.1")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("encrypt", State.ENCRYPTING),
        ("decrypt", State.DECRYPTING),
        ("reencrypt", State.ENCRYPTED),
        ("new", None),
    ],
)
def test_the_direction_of_a_change_is_in_the_header(mode: str, expected: State | None) -> None:
    slots = {"0": {"type": "luks2"}, "1": {"type": "reencrypt", "mode": mode}}
    assert parse_change(json.dumps({"keyslots": slots}).encode()) is expected


@pytest.mark.parametrize(
    "header", [b"", b"[]", b"{}", b'{"keyslots": []}', b'{"keyslots": {"0": {"type": "luks2"}}}']
)
def test_a_header_without_a_change_has_no_direction(header: bytes) -> None:
    assert parse_change(header) is None
