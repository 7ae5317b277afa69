"""What a source says of the network an interface has joined, and what several say together."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.signals.wifi_security.facts import Security

BROKEN = frozenset({Security.OPEN, Security.WEP, Security.WPA1_PERSONAL, Security.WPA1_ENTERPRISE})

ENTERPRISE = frozenset(
    {Security.WPA1_ENTERPRISE, Security.WPA2_ENTERPRISE, Security.WPA3_ENTERPRISE}
)

STRENGTH = (
    Security.OPEN,
    Security.WEP,
    Security.WPA1_PERSONAL,
    Security.WPA1_ENTERPRISE,
    Security.OWE,
    Security.WPA2_PERSONAL,
    Security.WPA2_ENTERPRISE,
    Security.WPA3_PERSONAL,
    Security.WPA3_ENTERPRISE,
)
"""From the weakest to the strongest."""


@dataclass(frozen=True)
class Claim:
    """What one source says. `possible` is what may have been negotiated, empty: not told.

    `offered` is what can't be ruled out without inference, from a source that knows the access
    point's offer; empty for one that knows what was negotiated. `ssid` is the network's name, which
    stays on the laptop. `server_checked`: of an enterprise network, whether the profile has the
    server's certificate checked; None where the source does not know profiles.
    """

    source: str
    possible: frozenset[Security]
    weak_cipher: bool | Unknown
    ssid: bytes | None
    offered: frozenset[Security] = frozenset()
    server_checked: bool | Unknown | None = None


def without_inference(claim: Claim) -> Claim:
    """Return the claim with all that is on offer, where the choice among it can't be inferred."""
    return replace(claim, possible=claim.offered) if claim.offered and claim.possible else claim


@dataclass(frozen=True)
class Concluded:
    """What the claims come to. `conflict`: they can't all be true."""

    security: Security
    weak_cipher: bool | Unknown
    ssid: bytes | None
    server_checked: bool | Unknown | None
    conflict: bool


def conclude(claims: Iterable[Claim]) -> Concluded:
    """Return what the claims come to, the weakest of what they leave open.

    What was negotiated beats what is inferred from an offer, and nothing is negotiated that is not
    on offer. Where a broken and a sound protection are both possible it is unknown: neither a false
    alarm nor a false pass.
    """
    told = [claim for claim in claims if claim.possible]
    ssid = next((claim.ssid for claim in told if claim.ssid), None)
    decisive = [claim for claim in told if not claim.offered] or told
    if not decisive:
        return Concluded(Security.UNKNOWN, UNKNOWN, ssid, None, conflict=False)
    possible = frozenset.intersection(
        *(claim.possible if claim in decisive else claim.offered for claim in told)
    )
    if not possible:
        return Concluded(Security.UNKNOWN, UNKNOWN, ssid, None, conflict=True)
    ciphers = {claim.weak_cipher for claim in decisive} - {UNKNOWN}
    weak = ciphers.pop() if len(ciphers) == 1 else UNKNOWN
    if possible & BROKEN and possible - BROKEN:
        return Concluded(Security.UNKNOWN, weak, ssid, None, conflict=False)
    security = min(possible, key=STRENGTH.index)
    return Concluded(security, weak, ssid, _server_check(security, told), conflict=False)


def _server_check(security: Security, told: Iterable[Claim]) -> bool | Unknown | None:
    if security not in ENTERPRISE:
        return None
    answers = {claim.server_checked for claim in told} - {None, UNKNOWN}
    return answers.pop() if len(answers) == 1 else UNKNOWN
