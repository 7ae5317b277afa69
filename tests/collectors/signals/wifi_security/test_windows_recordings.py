"""What Windows says of its Wi-Fi, as recorded outputs show it."""

import json
from typing import Any

import pytest

from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.wifi_security import SIGNAL
from passmuster_collectors.signals.wifi_security.facts import Security
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import recorded_case

GUID = "5f0e1a2b-0001-4000-8000-00000000000c"
# The recorder's words for what ours call by more.
SECURITIES = {None: Security.UNKNOWN, "wpa_personal": Security.WPA1_PERSONAL}


def read(stations: list[dict[str, Any]], **adapter: Any) -> tuple[Reading, Outcome]:
    machine = {
        "platform": "windows",
        "wireless_connections": stations,
        "network_adapters": [
            {"index": 1, "guid": "1", "name": "Loopback", "type": 24},
            {"index": 12, "guid": GUID, "name": "Wi-Fi", "type": 71, "hardware": True, **adapter},
        ],
        "network_routes": [{"destination": "::", "prefix": 0, "interface": 12}],
    }
    if not stations:
        machine["network_routes"] = [{"destination": "::", "prefix": 0, "interface": 6}]
        machine["network_adapters"] = [
            {"index": 1, "guid": "1", "name": "Loopback", "type": 24},
            {"index": 6, "guid": "6", "name": "Ethernet", "type": 6, "hardware": True},
        ]
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    return reading, SIGNAL.judge(reading, SIGNAL.limits()).outcome


@pytest.mark.parametrize(
    "name",
    [
        "wlanapi_vendor_ihv",
        "wlanapi_wep_shared",
        "wlanapi_wep_with_open_auth",
        "wlanapi_wpa2_enterprise",
        "wlanapi_wpa3_ent",
        "wlanapi_wpa3_sae",
        "wlanapi_wpa_psk_tkip",
    ],
)
def test_the_pair_of_numbers(name: str) -> None:
    case = recorded_case(f"windows/wifi_security/{name}")
    told = json.loads(case.text)
    connection = {
        "authentication": told["dot11AuthAlgorithm"],
        "cipher": told["dot11CipherAlgorithm"],
        "security_enabled": told["bSecurityEnabled"],
    }
    reading, outcome = read([{"guid": GUID, "state": told["isState"], "connection": connection}])
    assert reading.facts is not None
    expected = case.facts["security"]
    (interface,) = reading.facts["interfaces"]
    assert interface["security"] == SECURITIES.get(expected, expected)
    assert outcome == case.outcome


def test_without_consent_to_the_location_a_network_is_unknown_and_never_absent() -> None:
    case = recorded_case("windows/wifi_security/netsh_24h2_location_denied_error5")
    reading, outcome = read([{"guid": GUID, "state": 1, "error": case.facts["error"]}])
    assert outcome == case.outcome == "unknown"
    assert "location" in reading.reason


def test_a_computer_without_wifi() -> None:
    case = recorded_case("windows/wifi_security/netsh_no_wireless_interface")
    _, outcome = read([])
    assert outcome == case.outcome
