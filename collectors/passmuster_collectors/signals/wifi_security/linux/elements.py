"""Information elements of a beacon: what an access point offers.

IEEE 802.11-2020, sections 9.4.2.24 (RSN) and 9.4.2.25 (vendor specific); WPA is Microsoft's vendor
element of the same shape, from before the standard.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from passmuster_collectors.signals.wifi_security.facts import Security

SSID, RSN, VENDOR = 0, 48, 221
WPA_TYPE = bytes.fromhex("0050f201")

STANDARD = bytes.fromhex("000fac")
MICROSOFT = bytes.fromhex("0050f2")

VERSION = b"\x01\x00"
SUITE = 4
LONGEST_SSID = 32

RSN_KEY_MANAGEMENT: Mapping[int, Security | None] = {
    1: Security.WPA2_ENTERPRISE,
    2: Security.WPA2_PERSONAL,
    3: Security.WPA2_ENTERPRISE,
    4: Security.WPA2_PERSONAL,
    5: Security.WPA2_ENTERPRISE,
    6: Security.WPA2_PERSONAL,
    7: None,
    8: Security.WPA3_PERSONAL,
    9: Security.WPA3_PERSONAL,
    10: None,
    11: Security.WPA3_ENTERPRISE,
    12: Security.WPA3_ENTERPRISE,
    13: Security.WPA3_ENTERPRISE,
    14: Security.WPA2_ENTERPRISE,
    15: Security.WPA2_ENTERPRISE,
    16: Security.WPA2_ENTERPRISE,
    17: Security.WPA2_ENTERPRISE,
    18: Security.OWE,
    19: Security.WPA2_PERSONAL,
    20: Security.WPA2_PERSONAL,
    21: None,
    24: Security.WPA3_PERSONAL,
    25: Security.WPA3_PERSONAL,
}
"""Table 9-151 (AKM suites). None: no way to join (direct links, ranging)."""

WPA_KEY_MANAGEMENT: Mapping[int, Security | None] = {
    1: Security.WPA1_ENTERPRISE,
    2: Security.WPA1_PERSONAL,
}

USE_GROUP, WEP40, TKIP, CCMP, WEP104 = 0, 1, 2, 4, 5
WEAK = frozenset({WEP40, TKIP, WEP104})
STRONG = frozenset({CCMP, 8, 9, 10})
"""Table 9-149 (cipher suites): CCMP-128, GCMP-128, GCMP-256, CCMP-256."""

DEFAULT_KEY_MANAGEMENT = 1


class ElementsError(ValueError):
    """The bytes are no information elements."""


@dataclass(frozen=True)
class Offer:
    """What one RSN or WPA element offers.

    `securities` are the ways to join; empty where one of them is not known here. `group` is the
    cipher for broadcasts, `pairwise` those for all else, by their numbers; None: another maker's.
    """

    securities: frozenset[Security]
    group: int | None
    pairwise: frozenset[int | None]

    @property
    def pairwise_is_weak(self) -> bool:
        """Whether nothing better than TKIP is on offer for what is sent to one station."""
        used = {self.group if cipher == USE_GROUP else cipher for cipher in self.pairwise}
        return bool(used) and used <= WEAK

    @property
    def is_weak(self) -> bool | None:
        """Whether an outdated cipher is mixed in; None where a cipher is not known."""
        if self.group in WEAK or self.pairwise_is_weak:
            return True
        return False if self.group in STRONG and self.pairwise & STRONG else None


@dataclass(frozen=True)
class Beacon:
    """What a beacon says: the network's name and its offers."""

    ssid: bytes
    rsn: Offer | None
    wpa: Offer | None


def parse_beacon(data: bytes) -> Beacon:
    """Return what the information elements of a beacon say. Raises `ElementsError`.

    A broken RSN or WPA element is refused: it must not make a network look open.
    """
    ssid = b""
    rsn: Offer | None = None
    wpa: Offer | None = None
    for kind, content in _elements(data):
        if kind == SSID:
            ssid = content[:LONGEST_SSID].rstrip(b"\0")
        elif kind == RSN and rsn is None:
            rsn = _offer(content, STANDARD, RSN_KEY_MANAGEMENT, default_cipher=CCMP)
        elif kind == VENDOR and content.startswith(WPA_TYPE) and wpa is None:
            wpa = _offer(content[SUITE:], MICROSOFT, WPA_KEY_MANAGEMENT, default_cipher=TKIP)
    return Beacon(ssid, rsn, wpa)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        if position + 2 > len(data) or position + 2 + data[position + 1] > len(data):
            raise ElementsError("an element is cut off")
        length = data[position + 1]
        yield data[position], data[position + 2 : position + 2 + length]
        position += 2 + length


def _offer(
    content: bytes,
    maker: bytes,
    key_management: Mapping[int, Security | None],
    *,
    default_cipher: int,
) -> Offer:
    if content[:2] != VERSION:
        raise ElementsError("another version")
    rest = content[2:]
    # What is left out at the end has a default, which the standard names.
    group = _suites(rest[:SUITE], maker) or [default_cipher]
    rest = rest[SUITE:]
    pairwise, rest = _list(rest, maker)
    ways, _ = _list(rest, maker)
    ways = ways or [DEFAULT_KEY_MANAGEMENT]
    known = all(way in key_management for way in ways if way is not None) and None not in ways
    found = {key_management[way] for way in ways if way is not None} if known else set()
    return Offer(
        frozenset(each for each in found if each is not None),
        group[0],
        frozenset(pairwise or [default_cipher]),
    )


def _list(data: bytes, maker: bytes) -> tuple[list[int | None], bytes]:
    """Return a counted list of suites and what comes after it."""
    if len(data) < 2:
        return [], b""
    end = 2 + SUITE * int.from_bytes(data[:2], "little")
    if end > len(data):
        raise ElementsError("a list of suites is cut off")
    return _suites(data[2:end], maker), data[end:]


def _suites(data: bytes, maker: bytes) -> list[int | None]:
    suites = [data[start : start + SUITE] for start in range(0, len(data), SUITE)]
    if any(len(suite) != SUITE for suite in suites):
        raise ElementsError("a suite is cut off")
    return [suite[3] if suite[:3] == maker else None for suite in suites]
