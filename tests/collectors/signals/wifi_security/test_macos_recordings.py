"""What Macs say of their Wi-Fi, as recorded outputs show it."""

import json
from typing import Any

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.wifi_security import SIGNAL
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.macos.airport import Station, parse_airport
from passmuster_collectors.signals.wifi_security.macos.ipconfig import parse_summary
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import RecordedCase, recorded_case

REPORT = "SYSTEM_PROFILER -json SPAirPortDataType"

REPORTS = [
    "sp_10_15_open_en1",
    "sp_12_7_disassociated",
    "sp_12_7_wpa2_personal",
    "sp_15_5_disassociated",
    "sp_15_5_hotspot_wpa2_with_awdl0",
    "sp_15_5_wifi_off",
    "sp_15_5_wpa2_personal",
    "sp_redacted_ssid_wpa3_transition_apple_typo",
]
SUMMARIES = [
    "ipconfig_15_6_redacted_wpa2",
    "ipconfig_26_open_redacted_dhcp_injection",
    "ipconfig_wpa2_psk",
    "ipconfig_wpa3_sae_bogus_packet_lines",
]

# As the summary writes what the report calls by another word.
NEGOTIATED = {
    Security.OPEN: "NONE",
    Security.WPA2_PERSONAL: "WPA2_PSK",
    Security.WPA3_PERSONAL: "WPA3_SAE",
}


def station(case: RecordedCase) -> Station:
    (found,) = parse_airport(json.loads(case.text))
    return found


def judged(case: RecordedCase, summary: str) -> tuple[dict[str, Any], Outcome]:
    """Return the facts of the interface and the outcome of a Mac that prints both."""
    name = case.facts.get("interface", "en0")
    machine = {
        "platform": "macos",
        "network_interfaces": [{"name": name}],
        "programs": {
            REPORT: {"stdout": case.text},
            f"IPCONFIG getsummary {name}": {"stdout": summary},
        },
    }
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    assert reading.facts is not None, reading.reason
    (interface,) = reading.facts["interfaces"]
    return interface, SIGNAL.judge(reading, SIGNAL.limits()).outcome


def summary_of(security: Security) -> str:
    return (
        "<dictionary> {\n  InterfaceType : WiFi\n  LinkStatusActive : TRUE\n"
        f"  Security : {NEGOTIATED[security]}\n}}\n"
    )


@pytest.mark.parametrize("name", REPORTS)
def test_the_report_names_the_interface_and_its_network(name: str) -> None:
    case = recorded_case(f"macos/wifi_security/{name}")
    found = station(case)
    assert found.name == case.facts["interface"]
    assert found.connected is case.facts["connected"]
    if case.facts["security"] == "wpa3_transition":
        assert found.security == {Security.WPA2_PERSONAL, Security.WPA3_PERSONAL}
    else:
        assert found.security == ({case.facts["security"]} - {None})
    if case.facts.get("ssid_redacted"):
        assert found.ssid is None


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_that_the_summary_confirms_is_judged(name: str) -> None:
    case = recorded_case(f"macos/wifi_security/{name}")
    possible = sorted(station(case).security)
    interface, outcome = judged(case, summary_of(possible[0]) if possible else "")
    assert interface["security"] == (possible[0] if possible else None)
    # Not joined to anything: there is nothing to judge, which the rule calls a pass.
    assert outcome == (Outcome.PASS if case.outcome == "not_applicable" else case.outcome)


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_summary_is_read_past_what_the_network_wrote_into_it(name: str) -> None:
    case = recorded_case(f"macos/wifi_security/{name}")
    found = parse_summary(case.content)
    assert found.is_wifi is True
    assert found.active is case.facts["connected"]
    assert found.security == case.facts["security"]
    assert found.ssid == case.facts.get("ssid")


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_summary_alone_convinces_of_bad_news_only(name: str) -> None:
    case = recorded_case(f"macos/wifi_security/{name}")
    machine = {
        "platform": "macos",
        "network_interfaces": [{"name": "en0"}],
        "programs": {"IPCONFIG getsummary en0": {"stdout": case.text}},
    }
    (reading,) = collect(RecordedHost(machine), [SIGNAL])
    expected = Outcome.FAIL if case.outcome == "fail" else Outcome.UNKNOWN
    assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is expected


def test_a_summary_that_says_something_else_than_the_report_is_no_pass() -> None:
    wpa2 = recorded_case("macos/wifi_security/sp_15_5_wpa2_personal")
    opened = recorded_case("macos/wifi_security/ipconfig_26_open_redacted_dhcp_injection")
    interface, outcome = judged(wpa2, opened.text)
    assert interface["security"] == Security.UNKNOWN
    assert outcome is Outcome.UNKNOWN
