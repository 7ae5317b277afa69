"""What names a person, a laptop, a network or a device does not get into a recording."""

import json
from pathlib import Path
from typing import Any

import pytest

from passmuster_agent.recording.pseudonyms import Pseudonyms
from passmuster_agent.recording.scrubbing import scrubbed, to_json
from passmuster_collectors.runner import collect
from passmuster_collectors.signals import CATALOG
from tests.support.recorded_host import RecordedHost
from tests.support.tools import REPOSITORY

MACHINES = sorted((REPOSITORY / "tests" / "recordings").glob("*/*/machine.json"))
KEY = b"k" * 32

NAMING = {
    "account": "mariagarcia",
    "real name": "Maria Garcia",
    "home": "maria.home",
    "host": "marias-laptop",
    "network": "Casa Garcia 5G",
    "serial": "4C530001260809117312",
    "address": "a4:5e:60:c1:22:0f",
    "volume": "1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901",
    "same volume": "1b2c3d4e5f60718293a4b5c6d7e8f901",
    "sid": "S-1-5-21-1004336348-1177238915-682003330-1001",
    "route": "fe80000000000000a65e60fffec1220f",
}

MACHINE: dict[str, Any] = {
    "platform": "linux",
    "accounts": [{"uid": 1000, "name": NAMING["account"], "home": f"/data/{NAMING['home']}"}],
    "files": {
        "/etc/passwd": (
            "root:x:0:0:root:/root:/bin/bash\n"
            f"{NAMING['account']}:x:1000:1000:{NAMING['real name']},,,:/home/x:/bin/bash\n"
        ),
        f"/data/{NAMING['home']}/.config/kscreenlockerrc": f"Image=/home/{NAMING['account']}/a.png",
        "/sys/devices/usb1/1-2/serial": f"{NAMING['serial']}\n",
        "/run/udev/data/+usb:1-2": f"E:ID_SERIAL_SHORT={NAMING['serial']}\n",
        "/etc/crypttab": f"luks-{NAMING['volume']} UUID={NAMING['volume']} none luks\n",
        "/sys/class/block/dm-0/dm/uuid": f"CRYPT-LUKS2-{NAMING['same volume']}-root\n",
        "/proc/net/ipv6_route": f"{NAMING['route']} 40 {'0' * 32} 00 eth0\n",
        "/etc/blob": {"base64": "AAFtYXJpYWdhcmNpYQA="},
    },
    "bus": {
        "system org.freedesktop.login1 /org/freedesktop/login1": {
            "m": {"methods": {"ListSessions": [[{"struct": ["3", 1000, "otheruser", "", "/s"]}]]}}
        },
        "system fi.w1.wpa_supplicant1 /b": {
            "b": {
                "properties": {"SSID": list(NAMING["network"].encode()), "BSSID": NAMING["address"]}
            }
        },
    },
    "wireless": {
        "wlan0": {"points": [{"elements": f"000e{NAMING['network'].encode().hex()}0101"}]}
    },
    "programs": {
        "FDESETUP list": {"stdout": f"{NAMING['account']},{NAMING['volume'].upper()}\n"},
        "IOREG -a": {
            "stdout": "<key>USB Serial Number</key>\n<string>XK77-PRIVATE</string>",
        },
        "IPCONFIG getsummary en0": {"stdout": "  SSID : Second Network\n  BSSID : x\n"},
    },
    "user_sessions": [{"session": 1, "sid": NAMING["sid"]}],
    "present_devices": [{"instance_id": "USB\\VID_0781&PID_5581\\AA00112233445566"}],
}


def clean(machine: dict[str, Any], *also: str) -> str:
    return to_json(scrubbed(machine, Pseudonyms(KEY), also))


def test_nothing_that_names_anything_is_left() -> None:
    text = clean(MACHINE, NAMING["host"])
    others = ("otheruser", "XK77-PRIVATE", "Second Network", "AA00112233445566", "1004336348")
    for what, name in (*NAMING.items(), *((each, each) for each in others)):
        assert name not in text, what
        assert name.upper() not in text, what
        assert name.encode().hex() not in text, what
    assert json.dumps(list(NAMING["network"].encode()), indent=None)[1:-1] not in text
    assert "bWFyaWFnYXJjaWE" not in text
    assert "AAFtYXJpYWdhcmNpYQA=" not in text


def test_the_same_name_is_the_same_stand_in_wherever_it_is() -> None:
    made = scrubbed(MACHINE, Pseudonyms(KEY))
    name = made["accounts"][0]["name"]
    assert made["files"]["/etc/passwd"].splitlines()[1].startswith(f"{name}:x:1000")
    assert made["programs"]["FDESETUP list"]["stdout"].startswith(f"{name},")
    (mapped, uuid) = made["files"]["/etc/crypttab"].split()[:2]
    assert uuid == f"UUID={mapped.removeprefix('luks-')}"
    plain = made["files"]["/sys/class/block/dm-0/dm/uuid"].split("-")[2]
    assert mapped.removeprefix("luks-").replace("-", "") == plain
    serial = made["files"]["/sys/devices/usb1/1-2/serial"].strip()
    assert made["files"]["/run/udev/data/+usb:1-2"].strip() == f"E:ID_SERIAL_SHORT={serial}"


def test_two_recordings_have_nothing_in_common() -> None:
    assert to_json(scrubbed(MACHINE, Pseudonyms())) != to_json(scrubbed(MACHINE, Pseudonyms()))


@pytest.mark.parametrize(
    "kept",
    [
        "8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "ebc6c064-0000-11aa-aa11-00306543ecac",
        "00000000000000000000000000000001",
        "20000000000000000000000000000000",
        "S-1-5-18",
        "user-1000.slice",
        "ff:ff:ff:ff:ff:ff",
        "root",
        "/home/worker/.config",
    ],
)
def test_what_is_the_same_everywhere_stays(kept: str) -> None:
    assert kept in clean({"files": {"/x": f"a {kept} b"}})


def test_a_stand_in_has_the_shape_of_the_name() -> None:
    pseudonyms = Pseudonyms(KEY)
    stand_in = pseudonyms.text("Büro-12 Süd")
    assert len(stand_in.encode()) == len("Büro-12 Süd".encode())
    assert stand_in[-8:-3].endswith("12 ") or "-" in stand_in
    assert pseudonyms.hexadecimal("A4:5E:60:c1:22:0f").count(":") == 5
    assert pseudonyms.text("ana") != pseudonyms.text("bea")


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.parent.name)
def test_a_machine_is_judged_the_same_without_its_names(path: Path) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))
    judged = []
    for each in (machine, json.loads(clean(machine))):
        readings = collect(RecordedHost(each), CATALOG)
        judged.append(
            [
                (
                    signal.id,
                    reading.status,
                    [
                        (found.problem, found.outcome)
                        for found in signal.judge(reading, signal.limits()).findings
                    ],
                )
                for signal, reading in zip(CATALOG, readings, strict=True)
            ]
        )
    assert judged[0] == judged[1]
