"""Which networks are good enough."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Items, Text
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter
from passmuster_collectors.signals.wifi_security.facts import (
    Security,
    WifiSecurityFacts,
    WirelessInterface,
)


class Problem(StrEnum):
    """What can be wrong with a network."""

    OPEN = "open"
    WEP = "wep"
    WPA1 = "wpa1"
    FORBIDDEN = "forbidden"
    WEAK_CIPHER = "weak_cipher"
    SERVER_UNCHECKED = "server_unchecked"
    SERVER_UNCLEAR = "server_unclear"
    UNCLEAR = "unclear"
    UNCLEAR_VPN = "unclear_vpn"
    UNREADABLE = UNREADABLE_KEY


NAMES: Mapping[Security, str] = {
    Security.OPEN: "open",
    Security.OWE: "OWE (Enhanced Open)",
    Security.WEP: "WEP",
    Security.WPA1_PERSONAL: "WPA1-Personal",
    Security.WPA1_ENTERPRISE: "WPA1-Enterprise",
    Security.WPA2_PERSONAL: "WPA2-Personal",
    Security.WPA2_ENTERPRISE: "WPA2-Enterprise",
    Security.WPA3_PERSONAL: "WPA3-Personal",
    Security.WPA3_ENTERPRISE: "WPA3-Enterprise",
    Security.UNKNOWN: "unknown",
}
"""How people write what a laptop negotiated."""

_PROBLEMS: Mapping[Security, Problem] = {
    Security.OPEN: Problem.OPEN,
    Security.WEP: Problem.WEP,
    Security.WPA1_PERSONAL: Problem.WPA1,
    Security.WPA1_ENTERPRISE: Problem.WPA1,
}

ANYBODY_CAN_POSE = frozenset({Security.OPEN, Security.OWE, Security.WEP})
"""Networks of which the name is all there is to know, or whose secret is found within minutes."""

DEFAULT_FORBIDDEN = (
    Security.OPEN,
    Security.WEP,
    Security.WPA1_PERSONAL,
    Security.WPA1_ENTERPRISE,
)


@dataclass(frozen=True)
class WifiLimits:
    """Which networks are refused. `vpn_suffices`: a VPN that carries the traffic mends them all.

    `trusted_networks` are hashes of names: what is `forbidden` may be used there, unless nothing
    tells the network from another one of that name.
    `require_server_check` refuses enterprise networks whose server is not checked, VPN or not: what
    is given away there is the password.
    """

    forbidden: Annotated[tuple[Security, ...], Items(most=10), Stricter.MORE] = DEFAULT_FORBIDDEN
    trusted_networks: Annotated[
        tuple[Annotated[str, Text(longest=32)], ...], Items(most=256), Stricter.FEWER
    ] = ()
    forbid_weak_cipher: Annotated[bool, Stricter.YES] = False
    vpn_suffices: Annotated[bool, Stricter.NO] = True
    require_server_check: Annotated[bool, Stricter.YES] = True


def judge(facts: WifiSecurityFacts, limits: WifiLimits) -> tuple[Finding, ...]:
    """Return what is wrong with the networks the laptop has joined, all of them."""
    servers = tuple(
        found for interface in facts.interfaces for found in _judge_server(interface, limits)
    )
    if limits.vpn_suffices and facts.vpn is True:
        return servers
    unclear_vpn = limits.vpn_suffices and facts.vpn == UNKNOWN
    networks = tuple(
        found
        for interface in facts.interfaces
        for found in _judge(interface, limits, unclear_vpn=unclear_vpn)
    )
    return networks + servers


def _judge(
    interface: WirelessInterface, limits: WifiLimits, *, unclear_vpn: bool
) -> Iterator[Finding]:
    if interface.connected is False:
        return
    name = interface.name
    security = interface.security
    if interface.connected == UNKNOWN or security in (None, Security.UNKNOWN):
        yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, interface=name)
        return
    assert security is not None  # noqa: S101 - None was unclear
    if interface.network in limits.trusted_networks and security not in ANYBODY_CAN_POSE:
        return
    if security in limits.forbidden:
        details = {"interface": name, "security": NAMES[security]}
        if unclear_vpn:
            # It fails without a VPN and passes with one, so what it does is not known.
            yield finding(Problem.UNCLEAR_VPN, Outcome.UNKNOWN, **details)
        else:
            yield finding(_PROBLEMS.get(security, Problem.FORBIDDEN), Outcome.FAIL, **details)
    elif limits.forbid_weak_cipher and interface.weak_cipher is not False:
        outcome = Outcome.FAIL if interface.weak_cipher is True else Outcome.UNKNOWN
        yield finding(Problem.WEAK_CIPHER, outcome, interface=name)


def _judge_server(interface: WirelessInterface, limits: WifiLimits) -> Iterator[Finding]:
    """Yield what is wrong with the check of an enterprise network's server.

    None is a network without one, or an agent that does not tell it yet.
    """
    if not limits.require_server_check or interface.connected is False:
        return
    if interface.server_checked is False:
        yield finding(Problem.SERVER_UNCHECKED, Outcome.FAIL, interface=interface.name)
    elif interface.server_checked == UNKNOWN:
        yield finding(Problem.SERVER_UNCLEAR, Outcome.UNKNOWN, interface=interface.name)
