"""The kernel's word: what the access point offers, and what the link rules out of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import AccessPoint, WirelessState
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.claims import BROKEN, Claim, conclude
from passmuster_collectors.signals.wifi_security.linux.kernel import PRIVACY, parse_wireless
from tests.support.beacons import CCMP, PSK, TKIP, rsn, ssid, wpa

WPA1, WPA2 = Security.WPA1_PERSONAL, Security.WPA2_PERSONAL
WPA3 = Security.WPA3_PERSONAL
SAE = 8


def claim(
    elements: bytes,
    *,
    capability: int = PRIVACY,
    protected: bool | None = False,
    fast: bool | None = False,
) -> Claim:
    point = AccessPoint(capability, ssid(b"Home") + elements, protected, fast)
    found = parse_wireless(WirelessState(True, (point,)))
    assert found is not None
    return found


def test_no_access_point_is_no_claim() -> None:
    assert parse_wireless(WirelessState(True, ())) is None


def test_an_offer_of_one_way_decides() -> None:
    found = claim(rsn([PSK]))
    assert (found.possible, found.weak_cipher, found.ssid) == (frozenset({WPA2}), False, b"Home")
    assert conclude([found]).security is WPA2


def test_an_offer_of_several_ways_leaves_them_open() -> None:
    assert claim(rsn([PSK, SAE])).possible == {WPA2, WPA3}


@pytest.mark.parametrize(
    ("capability", "expected"), [(0, Security.OPEN), (PRIVACY, Security.WEP), (1, Security.OPEN)]
)
def test_without_rsn_and_wpa_the_privacy_bit_tells_wep_from_open(
    capability: int, expected: Security
) -> None:
    found = claim(b"", capability=capability)
    assert (found.possible, found.weak_cipher) == (frozenset({expected}), True)


def test_the_open_half_of_an_owe_transition_is_open() -> None:
    transition = bytes.fromhex("dd0d506f9a1c00c0ca00000104") + b"Home"
    padded = transition[:1] + bytes([len(transition) - 2]) + transition[2:]
    assert claim(padded, capability=0).possible == {Security.OPEN}


@pytest.mark.parametrize(
    ("protected", "fast", "pairwise", "expected"),
    [
        (False, False, [TKIP], {WPA1, WPA2}),
        (None, None, [TKIP], {WPA1, WPA2}),
        (True, False, [TKIP], {WPA2}),
        (False, True, [TKIP], {WPA2}),
        (False, True, [TKIP, CCMP], {WPA1, WPA2}),
        (True, True, [TKIP, CCMP], {WPA2}),
    ],
)
def test_wpa1_is_ruled_out_by_what_it_can_not_have(
    protected: bool | None, fast: bool | None, pairwise: list[int], expected: set[Security]
) -> None:
    mixed = rsn([PSK]) + wpa([PSK], pairwise=pairwise)
    assert claim(mixed, protected=protected, fast=fast).possible == expected


def test_a_group_of_tkip_is_weak_and_two_different_offers_are_unknown() -> None:
    assert claim(rsn([PSK], group=TKIP)).weak_cipher is True
    assert claim(rsn([PSK]) + wpa([PSK])).weak_cipher == UNKNOWN


def test_a_way_that_is_not_known_leaves_all_of_it_open() -> None:
    assert claim(rsn([PSK, 99])).possible == frozenset()


def test_a_point_without_a_beacon_says_nothing() -> None:
    found = parse_wireless(WirelessState(True, (AccessPoint(PRIVACY, b"", None, None),)))
    assert found is not None
    assert found.possible == frozenset()


def test_a_beacon_that_is_broken_is_a_conflict_and_not_an_open_network() -> None:
    with pytest.raises(SourceConflictError):
        claim(b"\x30\x05\x01")


def test_every_link_to_a_network_of_several_counts() -> None:
    points = (
        AccessPoint(PRIVACY, rsn([PSK], group=TKIP), False, True),
        AccessPoint(PRIVACY, rsn([SAE]), True, True),
    )
    found = parse_wireless(WirelessState(True, points))
    assert found is not None
    assert (found.possible, found.weak_cipher) == (frozenset({WPA2, WPA3}), True)


def test_the_offer_narrows_a_kind_that_another_source_tells() -> None:
    kind = Claim("iwd", frozenset({WPA1, WPA2, WPA3}), UNKNOWN, None)
    assert conclude([kind]).security is Security.UNKNOWN
    assert conclude([kind, claim(rsn([PSK]))]).security is WPA2


def test_what_was_negotiated_and_is_not_on_offer_is_a_conflict() -> None:
    found = conclude(
        [Claim("supplicant", frozenset({WPA2}), False, None), claim(b"", capability=0)]
    )
    assert (found.security, found.conflict) == (Security.UNKNOWN, True)


@given(st.binary(max_size=80), st.integers(0, 0xFFFF), st.none() | st.booleans())
def test_no_beacon_without_an_offer_of_protection_makes_a_sound_network(
    elements: bytes, capability: int, answer: bool | None
) -> None:
    state = WirelessState(True, (AccessPoint(capability, elements, answer, answer),))
    try:
        found = parse_wireless(state)
    except SourceConflictError:
        return
    assert found is not None
    if b"\x00\x0f\xac" not in elements and b"\x30" not in elements:
        assert found.possible <= BROKEN
