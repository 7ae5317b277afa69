"""What the parts of the Windows reader conclude, each by itself."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.windows_answers import NetworkAdapter, NetworkRoute
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.wifi_security import SIGNAL
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.windows.negotiated import negotiated
from passmuster_collectors.signals.wifi_security.windows.traffic import carriers, read_traffic
from tests.support.recorded_host import RecordedHost

EVERYTHING_4, EVERYTHING_6 = "0.0.0.0", "::"  # noqa: S104 - routes, nothing listens
LOOPBACK = [{"destination": "::1", "prefix": 128, "interface": 1}]
STRONG = {4, 8, 9, 10}


def test_only_known_pairs_are_good_ones() -> None:
    numbers = [*range(0x110), 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF]
    bad = {
        Security.UNKNOWN,
        Security.OPEN,
        Security.WEP,
        Security.WPA1_PERSONAL,
        Security.WPA1_ENTERPRISE,
    }
    good = {
        (authentication, cipher)
        for authentication in numbers[:20] + numbers[-4:]
        for cipher in numbers
        if negotiated(authentication, cipher, security_enabled=True)[0] not in bad
    }
    expected = {(a, c) for a in (6, 7, 8, 9, 10, 11) for c in STRONG}
    assert good == expected | {(6, 2), (7, 2)}


@pytest.mark.parametrize("cipher", [2, 4])
def test_tkip_is_outdated_and_beside_it_wpa2_may_use_it_for_broadcasts(cipher: int) -> None:
    expected = True if cipher == 2 else UNKNOWN
    assert negotiated(7, cipher, security_enabled=True) == (Security.WPA2_PERSONAL, expected)


def test_an_open_network_that_claims_to_be_secured_is_open() -> None:
    assert negotiated(1, 0, security_enabled=True)[0] is Security.OPEN


def test_an_open_network_with_a_strong_cipher_is_nothing_that_exists() -> None:
    assert negotiated(1, 4, security_enabled=True)[0] is Security.UNKNOWN


def route(
    interface: int, metric: int = 10, destination: str = EVERYTHING_4, prefix: int = 0
) -> NetworkRoute:
    return NetworkRoute(destination, prefix, interface, metric)


def test_the_lowest_metric_carries() -> None:
    assert carriers([route(1, 35), route(2, 25)]) == {2}


def test_two_of_the_same_metric_both_carry() -> None:
    assert carriers([route(1), route(2)]) == {1, 2}


def test_a_narrower_route_carries_whatever_it_costs() -> None:
    halves = [route(3, 900, EVERYTHING_4, 1), route(3, 900, "128.0.0.0", 1)]
    assert carriers([route(1), *halves]) == {3}
    assert carriers([route(1), halves[0]]) == {1, 3}, "one half is not all"


def test_both_protocols_carry() -> None:
    assert carriers([route(3), route(1, destination=EVERYTHING_6)]) == {1, 3}


def test_a_route_to_one_computer_carries_nothing() -> None:
    assert carriers([route(1, destination="203.0.113.5", prefix=32)]) == frozenset()


def adapter(index: int, kind: int, *, hardware: bool = False, status: int = 1) -> NetworkAdapter:
    return NetworkAdapter(
        index, str(index), f"n{index}", kind, status, hardware, connector=hardware, medium=0
    )


WIFI, CABLE = adapter(12, 71, hardware=True), adapter(6, 6, hardware=True)
VPN, DIAL_UP, SWITCH, TEREDO = (
    adapter(40, 53),
    adapter(41, 23),
    adapter(42, 6),
    adapter(43, 131),
)


@pytest.mark.parametrize(
    ("adapters", "carrying", "vpn", "wired"),
    [
        ([WIFI], [12], False, False),
        ([WIFI, CABLE], [6], False, True),
        ([WIFI, VPN], [40], True, False),
        ([WIFI, VPN], [12, 40], False, False),
        ([WIFI, DIAL_UP], [41], True, False),
        ([WIFI, DIAL_UP, CABLE], [41], UNKNOWN, False),
        ([WIFI, SWITCH], [42], UNKNOWN, UNKNOWN),
        ([WIFI, TEREDO], [43], UNKNOWN, False),
        ([WIFI, VPN, TEREDO], [40, 43], UNKNOWN, False),
        ([WIFI], [], False, False),
    ],
)
def test_what_carries_the_traffic(
    adapters: list[NetworkAdapter], carrying: list[int], vpn: Any, wired: Any
) -> None:
    routes = [{"destination": "::", "prefix": 0, "interface": index} for index in carrying]
    routes += LOOPBACK
    host = RecordedHost({"platform": "windows", "network_routes": routes})
    traffic = read_traffic(host, Inquiry(), tuple(adapters))
    assert (traffic.vpn, traffic.wired) == (vpn, wired)


def test_a_route_through_nothing_is_a_conflict() -> None:
    routes = [{"destination": "::", "prefix": 0, "interface": 99}]
    inquiry = Inquiry()
    host = RecordedHost({"platform": "windows", "network_routes": routes})
    assert read_traffic(host, inquiry, (WIFI,)).vpn == UNKNOWN
    assert not inquiry.is_complete


def test_a_network_is_known_by_its_name_without_its_name_leaving() -> None:
    connection = {"ssid": "Secret name", "authentication": 9, "cipher": 4}
    machine = {
        "platform": "windows",
        "wireless_connections": [{"guid": "12", "state": 1, "connection": connection}],
        "network_adapters": [
            {"index": 12, "guid": "12", "name": "Wi-Fi", "type": 71, "hardware": True}
        ],
        "network_routes": LOOPBACK,
    }
    host = RecordedHost(machine)
    (reading,) = collect(host, [SIGNAL])
    assert reading.facts is not None
    assert reading.facts["interfaces"][0]["network"] == host.keyed_hash("ssid", b"Secret name")
    assert "Secret" not in str(reading)
