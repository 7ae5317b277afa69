"""The kernel's Wi-Fi layer, nl80211: what an interface is, and the access point it is at.

Numbers: `include/uapi/linux/nl80211.h`. Asking needs no privilege. The kernel keeps what the access
point sent in its beacons; which of it was negotiated it does not tell.
"""

import socket
import struct
import sys

from passmuster_collectors.host.answers import AccessPoint, WirelessState
from passmuster_collectors.host.base import SourceMissingError

# Before what only Linux has, which the type checker does not look for elsewhere.
assert sys.platform == "linux"  # noqa: S101 - see above

from passmuster_collectors.host.netlink import (  # noqa: E402 - see above
    DUMP,
    GENERIC,
    GENERIC_HEADER,
    Netlink,
    attribute,
)

SOURCE = "nl80211"

GET_INTERFACE, GET_STATION, GET_SCAN = 5, 17, 32
INTERFACE_INDEX, INTERFACE_TYPE, ADDRESS, STATION, ACCESS_POINT = 3, 5, 6, 21, 47
JOINING_TYPES = frozenset({1, 2, 7, 8})
"""Ad hoc, station, mesh point, P2P client. The rest serves others or only listens."""

POINT_ADDRESS, POINT_CAPABILITY, POINT_ELEMENTS, POINT_STATUS, POINT_BEACON = 1, 5, 6, 9, 11
ASSOCIATED, JOINED = 1, 2

SENT_RATE, RECEIVED_RATE, STATION_FLAGS = 8, 14, 17
PROTECTED_MANAGEMENT = 4
"""`NL80211_STA_FLAG_MFP`, a bit's number in `struct nl80211_sta_flag_update`."""

HIGH_THROUGHPUT = frozenset({2, 6, 13, 19})
"""Rates that only 802.11n and its successors have: MCS, VHT, HE and EHT."""

FLAGS = struct.Struct("=II")


def state(interface: str) -> WirelessState:
    """Return what nl80211 says of an interface. Raises `SourceError`."""
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        raise SourceMissingError(SOURCE, "no such interface") from None
    with Netlink(GENERIC, SOURCE) as netlink:
        return Wireless(netlink, index).state()


class Wireless:
    """One interface, asked over an open socket."""

    def __init__(self, netlink: Netlink, index: int) -> None:
        self._netlink = netlink
        self._family = netlink.family(SOURCE)
        self._which = attribute(INTERFACE_INDEX, struct.pack("=I", index))

    def state(self) -> WirelessState:
        """Return all of it."""
        (answer,) = self._ask(GET_INTERFACE) or [{}]
        joins = _number(answer.get(INTERFACE_TYPE)) in JOINING_TYPES
        points = tuple(self._points()) if joins else ()
        return WirelessState(joins, points)

    def _points(self) -> list[AccessPoint]:
        found = []
        for answer in self._ask(GET_SCAN, DUMP):
            point = self._netlink.nested(answer.get(ACCESS_POINT, b""))
            if _number(point.get(POINT_STATUS), absent=0) not in (ASSOCIATED, JOINED):
                continue
            protected, fast = self._station(point.get(POINT_ADDRESS, b""))
            # Elements may be those of a probe response that left some out; a beacon has them all.
            elements = point.get(POINT_BEACON) or point.get(POINT_ELEMENTS, b"")
            capability = _number(point.get(POINT_CAPABILITY))
            found.append(AccessPoint(capability, elements, protected, fast))
        return found

    def _station(self, address: bytes) -> tuple[bool | None, bool | None]:
        """Return whether management frames are protected, and whether 802.11n rates are in use."""
        try:
            answers = self._ask(GET_STATION, extra=attribute(ADDRESS, address))
        except SourceMissingError:
            return None, None
        (answer,) = answers or [{}]
        station = self._netlink.nested(answer.get(STATION, b""))
        rates = [
            self._netlink.nested(station[kind])
            for kind in (SENT_RATE, RECEIVED_RATE)
            if kind in station
        ]
        fast = any(HIGH_THROUGHPUT & rate.keys() for rate in rates) if rates else None
        flags = station.get(STATION_FLAGS, b"")
        if len(flags) != FLAGS.size:
            return None, fast
        known, value = (number >> PROTECTED_MANAGEMENT & 1 for number in FLAGS.unpack(flags))
        return (bool(value) if known else None), fast

    def _ask(self, command: int, flags: int = 0, extra: bytes = b"") -> list[dict[int, bytes]]:
        body = GENERIC_HEADER.pack(command, 0, 0) + self._which + extra
        answers = self._netlink.ask(self._family, body, dump=bool(flags & DUMP))
        return [self._netlink.generic(answer) for answer in answers]


def _number(value: bytes | None, *, absent: int = -1) -> int:
    return int.from_bytes(value, sys.byteorder) if value else absent
