"""Information elements: what the standard says their bytes mean, and bytes that mean nothing."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.elements import (
    CCMP,
    RSN_KEY_MANAGEMENT,
    TKIP,
    Beacon,
    ElementsError,
    parse_beacon,
)
from tests.support.beacons import MICROSOFT, element, rsn, ssid, wpa

PSK, SAE, ENTERPRISE = 2, 8, 1


def test_a_personal_network_by_its_bytes() -> None:
    # As a home router sends it: RSN version 1, group CCMP, pairwise CCMP, PSK, no capabilities.
    beacon = parse_beacon(
        bytes.fromhex("0004486f6d65 30140100000fac040100000fac040100000fac020000")
    )
    assert beacon.ssid == b"Home"
    assert beacon.wpa is None
    assert beacon.rsn is not None
    assert beacon.rsn.securities == {Security.WPA2_PERSONAL}
    assert (beacon.rsn.group, beacon.rsn.pairwise) == (CCMP, frozenset({CCMP}))
    assert beacon.rsn.is_weak is False


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ([PSK], {Security.WPA2_PERSONAL}),
        ([SAE], {Security.WPA3_PERSONAL}),
        ([24], {Security.WPA3_PERSONAL}),
        ([PSK, SAE], {Security.WPA2_PERSONAL, Security.WPA3_PERSONAL}),
        ([ENTERPRISE, 5], {Security.WPA2_ENTERPRISE}),
        ([12], {Security.WPA3_ENTERPRISE}),
        ([18], {Security.OWE}),
        ([PSK, 7], {Security.WPA2_PERSONAL}),
        ([PSK, 99], set()),
    ],
)
def test_the_ways_to_join_are_those_of_the_table(ways: list[int], expected: set[Security]) -> None:
    found = parse_beacon(rsn(ways)).rsn
    assert found is not None
    assert found.securities == expected


def test_another_makers_way_to_join_is_not_known() -> None:
    found = parse_beacon(rsn([PSK], more_ways=bytes.fromhex("506f9a02"))).rsn
    assert found is not None
    assert found.securities == set()


def test_what_is_left_out_has_its_default() -> None:
    found = parse_beacon(element(48, b"\x01\x00")).rsn
    assert found is not None
    assert found.securities == {Security.WPA2_ENTERPRISE}
    assert (found.group, found.pairwise) == (CCMP, frozenset({CCMP}))


@pytest.mark.parametrize(
    ("group", "pairwise", "weak"),
    [
        (CCMP, [CCMP], False),
        (9, [9], False),
        (TKIP, [CCMP], True),
        (TKIP, [TKIP, CCMP], True),
        (5, [CCMP], True),
        (CCMP, [TKIP], True),
        (TKIP, [0], True),
        (77, [CCMP], None),
        (CCMP, [77], None),
    ],
)
def test_an_outdated_cipher_is_seen_in_the_group_too(
    group: int, pairwise: list[int], weak: bool | None
) -> None:
    found = parse_beacon(rsn([PSK], group=group, pairwise=pairwise)).rsn
    assert found is not None
    assert found.is_weak is weak


def test_wpa_is_the_makers_element_of_that_type_alone() -> None:
    wps = element(221, MICROSOFT + b"\x04" + bytes(8))
    beacon = parse_beacon(ssid(b"Old") + wps + wpa([PSK]))
    assert beacon.rsn is None
    assert beacon.wpa is not None
    assert beacon.wpa.securities == {Security.WPA1_PERSONAL}
    assert beacon.wpa.pairwise_is_weak


@pytest.mark.parametrize(
    "data",
    [
        b"\x30",
        element(48, b"\x01\x00")[:-1],
        element(48, b"\x02\x00"),
        element(48, b""),
        element(48, bytes.fromhex("0100 000fac04 0200 000fac04")),
        element(48, bytes.fromhex("0100 000fac")),
        element(221, bytes.fromhex("0050f201 0200")),
    ],
)
def test_a_broken_element_does_not_make_a_network_look_open(data: bytes) -> None:
    with pytest.raises(ElementsError):
        parse_beacon(ssid(b"x") + data)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with contextlib.suppress(ElementsError):
        assert isinstance(parse_beacon(data), Beacon)


suites = st.lists(st.integers(0, 30), min_size=1, max_size=6)


@given(suites, st.integers(0, 20), suites)
def test_any_offer_is_read_as_it_is_written(
    ways: list[int], group: int, pairwise: list[int]
) -> None:
    found = parse_beacon(rsn(ways, group=group, pairwise=pairwise)).rsn
    assert found is not None
    assert (found.group, found.pairwise) == (group, frozenset(pairwise))
    known = all(way in RSN_KEY_MANAGEMENT for way in ways)
    expected = {RSN_KEY_MANAGEMENT[way] for way in ways} - {None} if known else set()
    assert found.securities == expected


@given(suites, st.integers(1, 60))
def test_an_offer_that_is_cut_anywhere_is_refused_or_offers_nothing_better(
    ways: list[int], cut: int
) -> None:
    whole = rsn(ways)[2:]
    try:
        found = parse_beacon(element(48, whole[:-cut])).rsn
    except ElementsError:
        return
    assert found is not None
    # The list of ways is whole or missing, and its default is what the standard says.
    assert found.securities in (parse_beacon(rsn(ways)).rsn.securities, {Security.WPA2_ENTERPRISE})  # type: ignore[union-attr] # there is one: it was written
