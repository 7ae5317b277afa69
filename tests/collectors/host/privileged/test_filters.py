"""What leaves the root helper, and above all what does not."""

import json
from collections.abc import Mapping

import pytest

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
)
from passmuster_collectors.host.privileged import crypttab, device_mapper, people, wifi, wire
from passmuster_collectors.host.privileged.gathering import GATHER
from passmuster_collectors.host.privileged.verbs import Verb, question
from passmuster_collectors.signals.screen_lock.linux import lockers
from tests.support.confined_host import with_lists
from tests.support.recorded_host import RecordedHost

SECRET = "correct-horse-battery-staple"


def everything_told(machine: Mapping[str, object]) -> bytes:
    host = RecordedHost(with_lists(machine))
    return b"\n".join(wire.to_bytes(gather(host)) for gather in GATHER.values())


class TestCrypttab:
    @pytest.mark.parametrize(
        "line",
        [
            f"root /dev/sda2 {SECRET} luks,keyscript=/bin/echo",
            f"root UUID=1234 /key luks,pkcs11-uri=pkcs11:object=key?pin-value={SECRET}",
            f"# {SECRET}",
            f"root /dev/disk/by-id/usb-{SECRET} none luks",
            f"root /dev/sda2 none luks,header=/boot/{SECRET}",
        ],
    )
    def test_no_secret_in_it_is_told(self, line: str) -> None:
        told = crypttab.without_secrets(f"{line}\nswap /dev/sda3 /dev/urandom swap\n".encode())
        assert SECRET.encode() not in told
        assert b"swap - /dev/urandom swap\n" in told

    def test_a_passphrase_in_the_place_of_a_path_is_a_conflict(self) -> None:
        with pytest.raises(SourceConflictError) as raised:
            crypttab.without_secrets(f"root /dev/sda2 {SECRET} luks".encode())
        assert SECRET not in str(raised.value)

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("root UUID=12 /etc/root.key luks,discard", "root - /etc/root.key luks,discard"),
            ("data UUID=12 /key:LABEL=stick luks", "data - /key:LABEL=stick luks"),
            ("a /dev/sdb - tpm2-device=auto,tpm2-pin=yes", "a - - tpm2-device=auto,tpm2-pin=yes"),
            ("a /dev/sdb", "a - - -"),
            (
                "a /dev/sdb /dev/sdc1:/k luks,keyscript=/lib/cryptsetup/scripts/passdev",
                "a - /dev/sdc1:/k luks,keyscript=/lib/cryptsetup/scripts/passdev",
            ),
            (r"cr\0401 UUID=12 /my\040key luks", r"cr\0401 - /my\040key luks"),
        ],
    )
    def test_where_a_key_lies_is_told(self, line: str, told: str) -> None:
        assert crypttab.without_secrets(line.encode()) == f"{told}\n".encode()

    def test_a_line_that_is_none_is_a_conflict(self) -> None:
        with pytest.raises(SourceConflictError):
            crypttab.without_secrets(b"root\n")

    def test_key_files_are_told_by_name_alone(self) -> None:
        path = f"{crypttab.KEYS}/root.key"
        host = RecordedHost(
            {
                "files": {path: SECRET},
                "status": {path: {"device": [8, 2], "mode": "100600", "size": 4096}},
            }
        )
        told = crypttab.gather(host)
        assert told[question("file_status", path)] == (8, 2, 0, 0o100600, 0)
        assert isinstance(told[question("file_status", f"{crypttab.KEYS}/*")], SourceMissingError)
        assert SECRET.encode() not in wire.to_bytes(told)


class TestDeviceMapper:
    def test_a_key_in_a_table_is_not_told(self) -> None:
        key = "00112233445566778899aabbccddeeff" * 2
        table = f"luks-1: 0 976 crypt aes-xts-plain64 {key} 0 8:2 32768 1 allow_discards\n"
        assert (
            device_mapper.without_keys(table.encode()) == b"luks-1: 0 976 crypt aes-xts-plain64\n"
        )

    def test_other_targets_are_told_without_their_parameters(self) -> None:
        table = b"vg-root: 0 976 linear 253:0 2048\nvg-root: 976 8 striped 2 8 8:1 0 8:2 0\n"
        assert device_mapper.without_keys(table) == (
            b"vg-root: 0 976 linear\nvg-root: 976 8 striped\n"
        )

    def test_what_is_no_table_is_not_told(self) -> None:
        assert device_mapper.without_keys(f"{SECRET}\n".encode()) == b""

    def test_of_a_header_only_the_change_is_told(self) -> None:
        header = {
            "keyslots": {
                "0": {"type": "luks2", "kdf": {"salt": SECRET}, "area": {}},
                "1": {"type": "reencrypt", "mode": "encrypt", "area": {"offset": SECRET}},
            },
            "digests": {"0": {"digest": SECRET}},
        }
        told = device_mapper.without_key_slots(json.dumps(header).encode())
        assert json.loads(told) == {"keyslots": {"1": {"type": "reencrypt", "mode": "encrypt"}}}

    @pytest.mark.parametrize("header", [b"", b"[]", b"{", b'{"keyslots": 3}', b"[" * 100_000])
    def test_what_is_no_header_is_an_empty_one(self, header: bytes) -> None:
        assert json.loads(device_mapper.without_key_slots(header)) == {"keyslots": {}}


class TestWifi:
    def test_neither_passwords_nor_neighbours_nor_addresses_are_told(self) -> None:
        secrets = {"psk": SECRET, "PSK": SECRET, "BSSID": SECRET, "Address": SECRET, "IEs": SECRET}
        network = {"Name": "here", "Type": "psk", "Connected": True, **secrets}
        objects = {
            "/w": {
                "net.connman.iwd.Device": {"Name": "wlan0", **secrets},
                "net.connman.iwd.Station": {"ConnectedNetwork": "/w/here", "Scanning": SECRET},
            },
            "/w/here": {"net.connman.iwd.Network": network},
            "/w/there": {"net.connman.iwd.Network": {"Name": SECRET, "Type": "open"}},
        }
        profile = {
            "connection": {"id": SECRET, "uuid": SECRET},
            "802-11-wireless": {"ssid": SECRET, "seen-bssids": [SECRET]},
            "802-11-wireless-security": {"key-mgmt": "wpa-psk", "psk": SECRET, "leap-password": ""},
            "802-1x": {
                "identity": SECRET,
                "password": SECRET,
                "eap": ["peap"],
                "ca-cert": [*f"file:///home/{SECRET}/ca.pem".encode()],
            },
        }
        bss = {"SSID": [104], "RSN": {"KeyMgmt": ["wpa-psk"]}, "Privacy": True, **secrets}
        state = {"State": "completed", "CurrentBSS": "/b", "CurrentAuthMode": "WPA2-PSK", **secrets}
        nm = "org.freedesktop.NetworkManager"
        machine = {
            "bus": {
                f"system {wifi.SUPPLICANT} {wifi.SUPPLICANT_PATH}": {
                    wifi.SUPPLICANT: {"methods": {'GetInterface("wlan0")': ["/i"]}}
                },
                f"system {wifi.SUPPLICANT} /i": {
                    f"{wifi.SUPPLICANT}.Interface": {"properties": state}
                },
                f"system {wifi.SUPPLICANT} /b": {f"{wifi.SUPPLICANT}.BSS": {"properties": bss}},
                f"system {wifi.IWD} /": {
                    wifi.OBJECTS: {"methods": {"GetManagedObjects": [objects]}}
                },
                f"system {wifi.IWD} /w": {
                    f"{wifi.IWD}.StationDiagnostic": {
                        "methods": {
                            "GetDiagnostics": [
                                {"Security": "WPA2-Personal", "ConnectedBss": SECRET}
                            ]
                        }
                    }
                },
                f"system {nm} /a": {
                    wifi.ACTIVE: {"properties": {"Connection": "/p", "Id": SECRET}}
                },
                f"system {nm} /p": {wifi.PROFILE: {"methods": {"GetSettings": [profile]}}},
            }
        }
        told = everything_told(machine)
        assert SECRET.encode() not in told
        assert b"peap" in told
        for needed in (b"WPA2-PSK", b"WPA2-Personal", b"key-mgmt", b"wlan0"):
            assert needed in told

    def test_of_an_enterprise_network_only_the_check_of_its_server_is_told(self) -> None:
        objects = {
            "/w": {
                "net.connman.iwd.Device": {"Name": "wlan0"},
                "net.connman.iwd.Station": {"ConnectedNetwork": "/w/here"},
            },
            "/w/here": {"net.connman.iwd.Network": {"Name": "Büro", "Type": "8021x"}},
        }
        path = f"/var/lib/iwd/={'Büro'.encode().hex()}.8021x"
        kept = "EAP-Method=PEAP\nEAP-PEAP-CACert=/ca.pem\n"
        content = f"[Security]\nEAP-Identity={SECRET}\n{kept}EAP-PEAP-Phase2-Password={SECRET}\n"
        methods = {"methods": {"GetManagedObjects": [objects]}}
        bus = {f"system {wifi.IWD} /": {wifi.OBJECTS: methods}}
        told = wifi.gather(RecordedHost({"bus": bus, "files": {path: content}}))
        assert told[question("read_file", path)] == kept.encode()

    def test_a_daemon_that_refuses_says_so_for_all_of_its_objects(self) -> None:
        manager = f"system {wifi.SUPPLICANT} {wifi.SUPPLICANT_PATH}"
        told = wifi.gather(RecordedHost({"bus": {manager: {"error": "timeout"}}}))
        assert told[question("bus", wifi.SUPPLICANT)].outcome == "timeout"
        assert told[question("bus", wifi.IWD)].outcome == "missing"


class TestPeople:
    PROCESSES = (
        {"pid": 1, "uid": 0, "name": "systemd", "arguments": ["/sbin/init", SECRET]},
        {"pid": 9, "uid": 1000, "name": "mysql", "arguments": ["mysql", f"-p{SECRET}"]},
        {
            "pid": 12,
            "uid": 1000,
            "name": "swayidle",
            "arguments": ["swayidle", "timeout", "300", "swaylock"],
            "environment": {
                "XDG_SESSION_ID": "3",
                "XDG_CURRENT_DESKTOP": "sway",
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "XDG_CONFIG_HOME": SECRET * 1000,
            },
        },
        {
            "pid": 13,
            "uid": 1000,
            "name": "sway",
            "environment": {"XDG_SESSION_ID": "3", "XDG_CURRENT_DESKTOP": "sway"},
        },
    )

    def test_nobodys_arguments_and_variables_are_told_but_what_locks_are_told_by(self) -> None:
        told = everything_told({"processes": list(self.PROCESSES)})
        assert SECRET.encode() not in told
        assert b"swaylock" in told

    def test_one_process_speaks_for_its_session(self) -> None:
        told = people.gather_environments(RecordedHost({"processes": list(self.PROCESSES)}))
        variables = {"XDG_SESSION_ID": "3", "XDG_CURRENT_DESKTOP": "sway"}
        assert told == {question("process_environment", 12): variables}

    def test_the_lock_programs_are_those_that_the_reader_knows(self) -> None:
        assert set(lockers.READERS) == people.LOCK_PROGRAMS


def test_every_word_is_answered() -> None:
    assert set(GATHER) == set(Verb)


def test_answers_come_through_the_wire_as_they_were() -> None:
    answers = {
        "a": b"\x00\xff",
        "b": ("text \udcff", 1, 2.5, None, True),
        "c": {"struct": [1], 2: {"map": b""}},
        "d": [(), {}, []],
    }
    assert wire.from_bytes(wire.to_bytes(answers)) == answers
    told = wire.from_bytes(wire.to_bytes({"e": SourceDeniedError("name", "why")}))["e"]
    assert isinstance(told, SourceDeniedError)
    assert told.detail == "why"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[1]",
        b'{"map": [[1, 2]]}',
        b'{"map": 3}',
        b'{"other": []}',
        b'{"map": [["a", {"refused": ["no", ""]}]]}',
        b'{"map": [["a", {"base64": "!"}]]}',
        b'{"map": [["a", {"map": [[{"map": []}, 1]]}]]}',
        b"{" * 100_000,
        b"\xff",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        wire.from_bytes(data)
