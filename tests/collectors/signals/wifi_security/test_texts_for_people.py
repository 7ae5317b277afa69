"""Recorded texts that are written for people, in the language of the system.

No reader takes them. What is tested is the laptop behind each of them: told by the numbers and keys
that are read it is judged as recorded, and where those are refused it is unknown, whatever a text
would say. Where a recording is of what is stored of a network, the air may say the same.
"""

import json
from typing import Any

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.commands import Program
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.wifi_security import SIGNAL
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case

GUID = "5f0e1a2b-0001-4000-8000-00000000000c"
OPEN, WPA2, WPA2_ENTERPRISE, WPA3 = (1, 0), (7, 4), (6, 4), (9, 4)
"""Authentication and cipher (wlantypes.h) of what the texts say in words."""

WINDOWS = {
    "netsh_de_wpa2_enterprise": WPA2_ENTERPRISE,
    "netsh_en_wifi7_wpa3_h2e_akm_two_interfaces": WPA3,
    "netsh_en_wpa2_personal": WPA2,
    "netsh_es_open": OPEN,
    "netsh_fr_open_ouvrir": OPEN,
    "netsh_ja_wpa2_personal": WPA2,
    "netsh_profile_de": OPEN,
    "netsh_profile_fr": OPEN,
    "netsh_pt_br_wpa2_personal": WPA2,
}
NOTHING_KNOWN = "netsh_no_known_labels"

MACOS = {
    "airport_getinfo_wpa2": ("wpa2_personal", "WPA2_PSK"),
    "sp_text_15_5_wpa2_labels": ("wpa2_personal", "WPA2_PSK"),
    "wdutil_15_open_2g": ("none", "NONE"),
}
USAGE = "wdutil_non_root_usage"
REPORT, SUMMARY = "SYSTEM_PROFILER -json SPAirPortDataType", "IPCONFIG getsummary en0"


def on_windows(station: dict[str, Any]) -> tuple[Outcome, str | None]:
    """Return the outcome and the security of a PC whose one adapter is told so."""
    machine = {
        "platform": "windows",
        "wireless_connections": [{"guid": GUID, "state": 1, **station}],
        "network_adapters": [
            {"index": 1, "guid": "1", "name": "Loopback", "type": 24},
            {"index": 12, "guid": GUID, "name": "Wi-Fi", "type": 71, "hardware": True},
        ],
        "network_routes": [{"destination": "::", "prefix": 0, "interface": 12}],
    }
    return judged(machine)


def on_a_mac(report: str, summary: str) -> tuple[Outcome, str | None]:
    """Return the outcome and the security of a Mac that prints both."""
    return judged(
        {
            "platform": "macos",
            "network_interfaces": [{"name": "en0"}],
            "programs": {REPORT: {"stdout": report}, SUMMARY: {"stdout": summary}},
        }
    )


def judged(machine: dict[str, Any]) -> tuple[Outcome, str | None]:
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    security = None
    if reading.facts is not None and reading.facts["interfaces"]:
        security = reading.facts["interfaces"][0]["security"]
    return SIGNAL.judge(reading, SIGNAL.limits()).outcome, security


def report_of(mode: str) -> str:
    network = {"_name": "x", "spairport_security_mode": f"spairport_security_mode_{mode}"}
    interface = {
        "_name": "en0",
        "spairport_status_information": "spairport_status_connected",
        "spairport_current_network_information": network,
    }
    return json.dumps({"SPAirPortDataType": [{"spairport_airport_interfaces": [interface]}]})


def summary_of(word: str) -> str:
    return (
        "<dictionary> {\n  InterfaceType : WiFi\n  LinkStatusActive : TRUE\n"
        f"  Security : {word}\n}}\n"
    )


def test_no_reader_can_run_what_prints_them() -> None:
    paths = [path.lower() for program in Program for path in program.paths]
    assert not [
        path for path in paths for name in ("netsh", "airport", "wdutil", "osquery") if name in path
    ]


@pytest.mark.parametrize(("name", "pair"), WINDOWS.items())
def test_the_pc_behind_the_text_is_judged_by_its_numbers(name: str, pair: tuple[int, int]) -> None:
    case = recorded_case(f"windows/wifi_security/{name}")
    connection = {
        "authentication": pair[0],
        "cipher": pair[1],
        "security_enabled": pair is not OPEN,
    }
    assert on_windows({"connection": connection}) == (case.outcome, case.facts["security"])


@pytest.mark.parametrize("name", [*WINDOWS, NOTHING_KNOWN])
def test_a_text_is_no_way_around_a_refusal(name: str) -> None:
    case = recorded_case(f"windows/wifi_security/{name}")
    assert case.text
    assert on_windows({"error": 5})[0] is Outcome.UNKNOWN
    if name == NOTHING_KNOWN:
        assert case.outcome == "unknown"


@pytest.mark.parametrize(("name", "told"), MACOS.items())
def test_the_mac_behind_the_text_is_judged_by_its_keys(name: str, told: tuple[str, str]) -> None:
    case = recorded_case(f"macos/wifi_security/{name}")
    found = on_a_mac(report_of(told[0]), summary_of(told[1]))
    assert found == (case.outcome, case.facts["security"])


@pytest.mark.parametrize("name", [*MACOS, USAGE])
def test_a_text_in_the_place_of_the_keys_tells_nothing(name: str) -> None:
    case = recorded_case(f"macos/wifi_security/{name}")
    assert on_a_mac(case.text, case.text)[0] is Outcome.UNKNOWN
    if name == USAGE:
        assert case.outcome == "unknown"
