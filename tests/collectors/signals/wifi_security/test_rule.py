"""Which networks are let in, and that nothing unknown is."""

import dataclasses
from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.signal import worst
from passmuster_collectors.signals.wifi_security.facts import (
    Security,
    WifiSecurityFacts,
    WirelessInterface,
)
from passmuster_collectors.signals.wifi_security.rule import WifiLimits, judge

JOINED = WirelessInterface("wlan0", True, Security.WPA2_PERSONAL, False, True, None)
SOUND = [
    Security.OWE,
    Security.WPA2_PERSONAL,
    Security.WPA2_ENTERPRISE,
    Security.WPA3_PERSONAL,
    Security.WPA3_ENTERPRISE,
]
BROKEN = [Security.OPEN, Security.WEP, Security.WPA1_PERSONAL, Security.WPA1_ENTERPRISE]


def outcome(
    *interfaces: WirelessInterface, vpn: Any = False, limits: WifiLimits | None = None
) -> Outcome:
    facts = WifiSecurityFacts(interfaces, vpn=vpn, wired=False)
    return worst(found.outcome for found in judge(facts, limits or WifiLimits()))


def joined(security: Security | None, **changes: Any) -> WirelessInterface:
    return dataclasses.replace(JOINED, security=security, **changes)


@pytest.mark.parametrize("security", SOUND)
def test_a_network_with_sound_protection_passes(security: Security) -> None:
    assert outcome(joined(security)) is Outcome.PASS


@pytest.mark.parametrize("security", BROKEN)
def test_a_network_with_broken_protection_fails(security: Security) -> None:
    assert outcome(joined(security)) is Outcome.FAIL


@pytest.mark.parametrize("security", BROKEN)
def test_a_vpn_that_carries_the_traffic_mends_it(security: Security) -> None:
    assert outcome(joined(security), vpn=True) is Outcome.PASS


@pytest.mark.parametrize("security", BROKEN)
def test_a_vpn_of_which_nothing_is_known_mends_nothing(security: Security) -> None:
    assert outcome(joined(security), vpn=UNKNOWN) is Outcome.UNKNOWN


def test_a_policy_may_refuse_to_count_a_vpn() -> None:
    strict = WifiLimits(vpn_suffices=False)
    assert outcome(joined(Security.OPEN), vpn=True, limits=strict) is Outcome.FAIL


@pytest.mark.parametrize("security", [Security.UNKNOWN, None])
def test_a_joined_network_of_which_nothing_is_known_is_unknown(security: Security | None) -> None:
    assert outcome(joined(security)) is Outcome.UNKNOWN


def test_an_interface_that_may_have_joined_something_is_unknown() -> None:
    assert outcome(joined(None, connected=UNKNOWN)) is Outcome.UNKNOWN


def test_an_interface_that_has_joined_nothing_does_not_count() -> None:
    assert outcome(joined(None, connected=False)) is Outcome.PASS


def test_the_worst_of_several_networks_counts() -> None:
    assert outcome(JOINED, joined(Security.OPEN, name="wlan1")) is Outcome.FAIL


def test_a_weak_cipher_fails_only_where_the_policy_says_so() -> None:
    weak = joined(Security.WPA2_PERSONAL, weak_cipher=True)
    assert outcome(weak) is Outcome.PASS
    assert outcome(weak, limits=WifiLimits(forbid_weak_cipher=True)) is Outcome.FAIL


def test_an_unknown_cipher_is_no_pass_where_the_policy_asks() -> None:
    unknown = joined(Security.WPA2_PERSONAL, weak_cipher=UNKNOWN)
    assert outcome(unknown, limits=WifiLimits(forbid_weak_cipher=True)) is Outcome.UNKNOWN


def test_a_policy_may_forbid_more_than_the_default() -> None:
    strict = WifiLimits(forbidden=(Security.WPA2_PERSONAL,))
    assert outcome(JOINED, limits=strict) is Outcome.FAIL


def test_an_enterprise_network_that_anybody_can_pose_as_fails_below_a_vpn_too() -> None:
    unchecked = joined(Security.WPA2_ENTERPRISE, server_checked=False)
    assert outcome(unchecked) is Outcome.FAIL
    assert outcome(unchecked, vpn=True) is Outcome.FAIL
    assert outcome(unchecked, limits=WifiLimits(require_server_check=False)) is Outcome.PASS


def test_an_enterprise_network_whose_profile_is_not_readable_is_unknown() -> None:
    assert outcome(joined(Security.WPA2_ENTERPRISE, server_checked=UNKNOWN)) is Outcome.UNKNOWN


def test_an_agent_that_does_not_tell_the_check_yet_is_not_held_to_it() -> None:
    assert outcome(joined(Security.WPA2_ENTERPRISE)) is Outcome.PASS
    older = codec.encode(joined(Security.WPA2_ENTERPRISE))
    del older["server_checked"]
    assert codec.decode(WirelessInterface, older).server_checked is None


@pytest.mark.parametrize("security", list(Security))
def test_a_trusted_network_may_be_of_a_forbidden_kind_unless_anybody_can_pose_as_it(
    security: Security,
) -> None:
    limits = WifiLimits(forbidden=tuple(Security), trusted_networks=("9b0f",))
    there = outcome(joined(security, network="9b0f", weak_cipher=True), limits=limits)
    if security is Security.UNKNOWN:
        assert there is Outcome.UNKNOWN
    elif security in (Security.OPEN, Security.OWE, Security.WEP):
        assert there is Outcome.FAIL
    else:
        assert there is Outcome.PASS
        assert outcome(joined(security, network="9b0e"), limits=limits) is Outcome.FAIL
