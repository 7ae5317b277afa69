"""What recorded laptops said of their networks, through the words that the reader knows."""

from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.claims import conclude
from passmuster_collectors.signals.wifi_security.linux.iwd import parse_iwd
from passmuster_collectors.signals.wifi_security.linux.supplicant import security_of
from tests.support.recordings import recorded_case


def test_wpa_psk_without_a_two_is_wpa1_even_with_a_good_cipher() -> None:
    case = recorded_case("linux/wifi_security/wpa_cli_status_wpa_psk")
    status = dict(line.split("=", 1) for line in case.text.splitlines() if "=" in line)
    assert case.facts["proto"] == "wpa1"
    assert security_of(status["key_mgmt"], privacy=True) == {Security.WPA1_PERSONAL}


def test_an_iwd_that_says_nothing_of_security_leaves_it_unknown() -> None:
    case = recorded_case("linux/wifi_security/iwctl_station_show_no_security_row")
    assert "Security" not in case.text
    claim = parse_iwd({}, {"Type": "psk", "Name": "Home Net 5G"})
    assert conclude([claim]).security is Security.UNKNOWN
    assert case.facts["security"] == "unknown"
