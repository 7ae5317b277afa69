"""The kernel's Wi-Fi layer, nl80211: what the access point offers, to anybody who asks.

What was negotiated is not told, but the link tells some of it. Management frames are protected by
RSN alone, never by WPA1. Rates of 802.11n and later are not allowed with TKIP or WEP (IEEE
802.11-2020, section 12.2.2), so where WPA1 offers nothing better it was not taken.
"""

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.answers import AccessPoint, WirelessState
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.claims import Claim
from passmuster_collectors.signals.wifi_security.linux.elements import (
    Beacon,
    ElementsError,
    parse_beacon,
)

NAME = "nl80211"
PRIVACY = 0x10
"""The capability bit by which an access point without RSN and WPA asks for WEP."""


def parse_wireless(state: WirelessState) -> Claim | None:
    """Return what the kernel says of the access points; None where it has joined none.

    Raises `SourceConflictError` for a beacon that is none.
    """
    claims = [_claim(point) for point in state.points]
    if not claims:
        return None
    # Several links to one network: each of them counts.
    told = all(claim.possible for claim in claims)
    possible = frozenset[Security]().union(*(claim.possible for claim in claims if told))
    weak = {claim.weak_cipher for claim in claims}
    return Claim(
        NAME,
        possible,
        True if True in weak else weak.pop() if len(weak) == 1 else UNKNOWN,
        next((claim.ssid for claim in claims if claim.ssid), None),
        possible,
    )


def _claim(point: AccessPoint) -> Claim:
    if not point.elements or point.capability < 0:
        return Claim(NAME, frozenset(), UNKNOWN, None)
    try:
        beacon = parse_beacon(point.elements)
    except ElementsError as error:
        raise SourceConflictError(NAME, f"a beacon that is none: {error}") from None
    possible = _possible(point, beacon)
    return Claim(NAME, possible, _weak(possible, beacon), beacon.ssid or None)


def _possible(point: AccessPoint, beacon: Beacon) -> frozenset[Security]:
    if beacon.rsn is None and beacon.wpa is None:
        return frozenset({Security.WEP if point.capability & PRIVACY else Security.OPEN})
    offers = [offer for offer in (beacon.rsn, beacon.wpa) if offer is not None]
    if beacon.rsn is not None and beacon.wpa is not None and _is_surely_rsn(point, beacon):
        offers = [beacon.rsn]
    if not all(offer.securities for offer in offers):
        return frozenset()
    return frozenset[Security]().union(*(offer.securities for offer in offers))


def _is_surely_rsn(point: AccessPoint, beacon: Beacon) -> bool:
    assert beacon.wpa is not None  # noqa: S101 - asked where both are on offer
    too_fast = point.high_throughput is True and beacon.wpa.pairwise_is_weak
    return point.protected_management is True or too_fast


def _weak(possible: frozenset[Security], beacon: Beacon) -> bool | Unknown:
    if possible & {Security.OPEN, Security.WEP}:
        return True
    by_wpa = possible & {Security.WPA1_PERSONAL, Security.WPA1_ENTERPRISE}
    offers = {beacon.wpa} if by_wpa else set()
    if possible - by_wpa:
        offers.add(beacon.rsn)
    answers = {offer.is_weak for offer in offers if offer is not None}
    answer = answers.pop() if len(answers) == 1 else None
    return UNKNOWN if answer is None else answer
