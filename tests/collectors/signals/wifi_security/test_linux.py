"""The Linux reader: what each daemon's words mean, and a real bus with NetworkManager on it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.wifi_security import SIGNAL, linux
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.claims import BROKEN, Claim, conclude
from passmuster_collectors.signals.wifi_security.linux.networkmanager import (
    ACTIVATED,
    NAME,
    ROOT,
    WIRELESS,
    parse_access_point,
    read_networkmanager,
)
from passmuster_collectors.signals.wifi_security.linux.supplicant import (
    KEY_MANAGEMENT,
    parse_supplicant,
    security_of,
)
from tests.support.message_bus import MessageBus, Variant
from tests.support.recorded_host import RecordedHost, load
from tests.support.tools import REPOSITORY

MACHINES = REPOSITORY / "tests" / "recordings" / "linux"
WPA2 = frozenset({Security.WPA2_PERSONAL})
WPA1 = frozenset({Security.WPA1_PERSONAL})


def point(flags: int, wpa: int, rsn: int) -> dict[str, object]:
    return {"Flags": flags, "WpaFlags": wpa, "RsnFlags": rsn, "Ssid": b"Home"}


@pytest.mark.parametrize(
    ("flags", "wpa", "rsn", "profile", "possible"),
    [
        (0, 0, 0, {}, {Security.OPEN}),
        (1, 0, 0, {"key-mgmt": "none"}, {Security.WEP}),
        (1, 0x144, 0, {"key-mgmt": "wpa-psk"}, {Security.WPA1_PERSONAL}),
        (1, 0, 0x188, {"key-mgmt": "wpa-psk"}, {Security.WPA2_PERSONAL}),
        (1, 0, 0x488, {"key-mgmt": "sae"}, {Security.WPA3_PERSONAL}),
        (1, 0, 0x588, {"key-mgmt": "sae"}, {Security.WPA3_PERSONAL}),
        (1, 0, 0x588, {"key-mgmt": "wpa-psk"}, {Security.WPA2_PERSONAL, Security.WPA3_PERSONAL}),
        (1, 0, 0x288, {"key-mgmt": "wpa-eap"}, {Security.WPA2_ENTERPRISE}),
        (1, 0, 0x888, {"key-mgmt": "owe"}, {Security.OWE}),
        (0, 0, 0x1000, {}, {Security.OPEN}),
        (0, 0, 0, {"key-mgmt": "owe"}, set()),
        (1, 0x188, 0x188, {"key-mgmt": "wpa-psk"}, {Security.WPA2_PERSONAL}),
        (1, 0x188, 0x188, {"key-mgmt": "wpa-psk", "proto": ["wpa"]}, {Security.WPA1_PERSONAL}),
        (1, 0x188, 0x188, None, {Security.WPA1_PERSONAL, Security.WPA2_PERSONAL}),
    ],
)
def test_what_an_access_point_offers_is_narrowed_by_what_the_profile_allows(
    flags: int,
    wpa: int,
    rsn: int,
    profile: dict[str, object] | None,
    possible: set[Security],
) -> None:
    assert parse_access_point(point(flags, wpa, rsn), profile).possible == possible


def test_a_group_cipher_of_tkip_is_weak_though_the_pairwise_one_is_not() -> None:
    assert parse_access_point(point(1, 0, 0x148), {"key-mgmt": "wpa-psk"}).weak_cipher is True


def test_no_encryption_word_is_open_only_if_the_beacon_says_so() -> None:
    assert security_of("NONE", privacy=False) == {Security.OPEN}
    assert security_of("NONE", privacy=True) == {Security.WEP}
    assert security_of("NONE", privacy=None) == frozenset()


@pytest.mark.parametrize(
    ("mode", "wpa", "rsn", "expected"),
    [
        ("WPA2-PSK+WPA-PSK", "wpa-psk", "wpa-psk", Security.WPA2_PERSONAL),
        ("WPA2-PSK+WPA-PSK", "", "wpa-psk", Security.WPA2_PERSONAL),
        ("WPA2-PSK+WPA-PSK", "wpa-psk", "", Security.WPA1_PERSONAL),
        ("WPA2+WPA/IEEE 802.1X/EAP", "", "wpa-eap", Security.WPA2_ENTERPRISE),
        ("WPA2+WPA/IEEE 802.1X/EAP", "wpa-eap", "", Security.WPA1_ENTERPRISE),
    ],
)
def test_where_the_profile_allows_both_protocols_the_better_one_on_offer_was_taken(
    mode: str, wpa: str, rsn: str, expected: Security
) -> None:
    def element(word: str) -> dict[str, object]:
        return {"KeyMgmt": [word] if word else [], "Pairwise": ["ccmp"], "Group": "ccmp"}

    claim = parse_supplicant(mode, {"Privacy": True, "WPA": element(wpa), "RSN": element(rsn)})
    assert claim.possible == {expected}


@given(st.text(max_size=30))
def test_a_word_that_is_not_known_says_nothing(word: str) -> None:
    if word != "NONE" and word not in KEY_MANAGEMENT:
        assert security_of(word, privacy=False) == frozenset()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["KeyMgmt", "Pairwise", "Group", "WPA", "RSN", "SSID", "Privacy"]),
                inner,
                max_size=5,
            )
        ),
    ),
    st.text(max_size=12),
)
def test_arbitrary_properties_never_raise_and_never_make_a_sound_network(
    properties: object, mode: str
) -> None:
    bss = properties if isinstance(properties, dict) else {"RSN": properties}
    claim = parse_supplicant(mode, bss)
    if mode not in KEY_MANAGEMENT and not mode.startswith("EAP-"):
        assert claim.possible <= BROKEN


def test_what_was_negotiated_beats_what_is_offered() -> None:
    negotiated = Claim("supplicant", WPA1, False, None)
    offer = Claim("manager", WPA2, False, None, WPA1 | WPA2)
    assert conclude([negotiated, offer]).security is Security.WPA1_PERSONAL


def test_a_negotiation_that_was_never_on_offer_is_a_conflict_and_unknown() -> None:
    found = conclude([Claim("a", WPA2, False, None), Claim("b", WPA1, False, None, WPA1)])
    assert (found.security, found.conflict) == (Security.UNKNOWN, True)


def test_broken_or_sound_is_unknown_and_of_sound_ones_the_weakest_is_told() -> None:
    assert conclude([Claim("a", WPA1 | WPA2, False, None)]).security is Security.UNKNOWN
    both = WPA2 | {Security.WPA3_PERSONAL}
    assert conclude([Claim("a", both, False, None)]).security is Security.WPA2_PERSONAL


def test_the_name_of_the_network_does_not_leave_the_laptop() -> None:
    reading = linux.read(load(MACHINES / "wifi_wpa2" / "machine.json"))
    assert reading.facts is not None
    (interface,) = reading.facts["interfaces"]
    assert len(interface["network"]) == 32
    assert "Home" not in json.dumps(reading.facts)


def test_every_source_is_told_with_how_it_answered() -> None:
    reading = linux.read(load(MACHINES / "wifi_supplicant_denied" / "machine.json"))
    outcomes = {source.name: str(source.outcome) for source in reading.sources}
    assert outcomes["fi.w1.wpa_supplicant1"] == "denied"
    assert outcomes["org.freedesktop.NetworkManager"] == "read"


def test_a_networkmanager_on_a_real_bus_is_read(system_bus: MessageBus) -> None:
    manager = system_bus.template("networkmanager", NAME, ROOT)
    device = manager.mock("AddWiFiDevice", "ssi", "mock_WiFi", "wlan0", ACTIVATED)
    point = manager.mock(
        "AddAccessPoint",
        "ssssuuuyu",
        *(device, "Mock_AP", "Home", "00:23:F8:7E:12:BB"),
        *(2, 2425, 5400, 82, 0x188),
    )
    joined = tuple(Variant("o", point))
    manager.mock("AddProperty", "ssv", WIRELESS, "ActiveAccessPoint", joined, path=device)
    manager.mock("AddMethod", "sssss", NAME, "GetDeviceByIpIface", "s", "o", f"ret = '{device}'")
    host = LinuxHost(b"k" * 16)
    claim = read_networkmanager(host, "wlan0")
    assert claim is not None
    # The template offers WPA1 with WPA2, and there is no profile that would narrow it.
    assert claim.possible == WPA1 | WPA2
    assert claim.ssid == b"Home"


def test_a_vpn_of_which_nothing_is_known_is_told_as_unknown() -> None:
    reading = linux.read(load(MACHINES / "wifi_open_beside_a_tunnel" / "machine.json"))
    assert reading.facts is not None
    assert reading.facts["vpn"] == UNKNOWN


def test_a_dormant_interface_still_carries_traffic_and_is_judged() -> None:
    machine = json.loads((MACHINES / "wifi_open" / "machine.json").read_text(encoding="utf-8"))
    machine["files"]["/sys/class/net/wlp2s0/operstate"] = "dormant\n"
    reading = linux.read(RecordedHost(machine))
    assert SIGNAL.judge(reading, SIGNAL.limits()).outcome is Outcome.FAIL
