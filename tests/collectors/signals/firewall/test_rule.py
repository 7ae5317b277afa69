"""Strangers may not connect, by neither protocol."""

import pytest

from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.firewall import SIGNAL
from passmuster_collectors.signals.firewall.facts import FirewallFacts, Inbound
from passmuster_collectors.signals.firewall.linux.ruleset import strictest
from passmuster_collectors.signals.firewall.rule import FirewallLimits, judge
from passmuster_collectors.signals.signal import worst

DEFAULT = FirewallLimits()
IPV4_ALONE = FirewallLimits(ignore_ipv6=True)


def outcome(ipv4: Inbound, ipv6: Inbound, limits: FirewallLimits = DEFAULT) -> Outcome:
    return worst(found.outcome for found in judge(FirewallFacts(ipv4, ipv6), limits))


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "expected"),
    [
        (Inbound.BLOCKED, Inbound.BLOCKED, Outcome.PASS),
        (Inbound.BLOCKED, Inbound.ABSENT, Outcome.PASS),
        (Inbound.OPEN, Inbound.BLOCKED, Outcome.FAIL),
        (Inbound.BLOCKED, Inbound.OPEN, Outcome.FAIL),
        (Inbound.UNKNOWN, Inbound.BLOCKED, Outcome.UNKNOWN),
        (Inbound.BLOCKED, Inbound.UNKNOWN, Outcome.UNKNOWN),
        (Inbound.OPEN, Inbound.UNKNOWN, Outcome.FAIL),
    ],
)
def test_both_protocols_have_to_be_blocked(ipv4: Inbound, ipv6: Inbound, expected: Outcome) -> None:
    assert outcome(ipv4, ipv6) is expected


def test_policy_may_leave_ipv6_aside() -> None:
    assert outcome(Inbound.BLOCKED, Inbound.OPEN, IPV4_ALONE) is Outcome.PASS
    assert outcome(Inbound.OPEN, Inbound.BLOCKED, IPV4_ALONE) is Outcome.FAIL


def test_it_is_told_which_protocol_is_open() -> None:
    (found,) = judge(FirewallFacts(Inbound.BLOCKED, Inbound.OPEN), FirewallLimits())
    assert "IPv6" in SIGNAL.admin_text(found)
    assert "IPv4" not in SIGNAL.admin_text(found)


def test_of_several_filters_one_that_blocks_is_enough() -> None:
    assert strictest([Inbound.OPEN, Inbound.BLOCKED]) is Inbound.BLOCKED
    assert strictest([Inbound.UNKNOWN, Inbound.BLOCKED]) is Inbound.BLOCKED
    assert strictest([Inbound.OPEN, Inbound.UNKNOWN]) is Inbound.UNKNOWN
    assert strictest([Inbound.OPEN, Inbound.OPEN]) is Inbound.OPEN
