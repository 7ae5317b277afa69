"""Which interfaces the kernel's main routing tables send public traffic to.

A default route alone does not tell: several interfaces can have one, of which the one with the
lowest metric counts, and a VPN may lay narrower routes over it. So the route of some public
addresses is looked up as the kernel does: the longest prefix, then the lowest metric.

Sources: `/proc/net/route`, numbers in host byte order, and `/proc/net/ipv6_route`
(net/ipv4/fib_trie.c, net/ipv6/route.c).
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

IPV4, IPV6 = "/proc/net/route", "/proc/net/ipv6_route"
TABLES = (IPV4, IPV6)

UP, REJECT = 0x1, 0x200
"""`RTF_UP` and `RTF_REJECT` in include/uapi/linux/route.h."""

# Nothing is sent to them. Any public addresses do, as long as they are far apart.
PUBLIC_IPV4: Mapping[str, int] = {
    "3.3.3.3": 0x03_03_03_03,
    "64.64.64.64": 0x40_40_40_40,
    "150.150.150.150": 0x96_96_96_96,
    "200.200.200.200": 0xC8_C8_C8_C8,
}
PUBLIC_IPV6: Mapping[str, int] = {
    "2400::1": (0x2400 << 112) + 1,
    "2600::1": (0x2600 << 112) + 1,
    "2800::1": (0x2800 << 112) + 1,
    "2a00::1": (0x2A00 << 112) + 1,
}
"""Addresses and their numbers: the library that knows them would cost the agent 0.2 MiB."""


@dataclass(frozen=True)
class Route:
    """One route: the first address, the length of the prefix in bits, and where it leads."""

    network: int
    prefix: int
    metric: int
    interface: str


class RoutesError(ValueError):
    """A line is not in the kernel's format."""


def carriers(ipv4: bytes | None, ipv6: bytes | None) -> frozenset[str]:
    """Return the interfaces that public addresses are sent to; None is a table that is not there.

    Raises `RoutesError`.
    """
    found4 = _carriers(parse_ipv4(ipv4 or b""), PUBLIC_IPV4.values(), 32)
    return found4 | _carriers(parse_ipv6(ipv6 or b""), PUBLIC_IPV6.values(), 128)


def parse_ipv4(table: bytes) -> tuple[Route, ...]:
    """Return the routes of a `/proc/net/route`. Raises `RoutesError`."""
    return tuple(
        Route(_swapped(row[1]), _swapped(row[7]).bit_count(), int(row[6]), row[0])
        for row in _rows(table.partition(b"\n")[2], columns=8, flags=3)
    )


def parse_ipv6(table: bytes) -> tuple[Route, ...]:
    """Return the routes of a `/proc/net/ipv6_route`. Raises `RoutesError`."""
    return tuple(
        Route(int(row[0], 16), int(row[1], 16), int(row[5], 16), row[9])
        for row in _rows(table, columns=10, flags=8)
        if row[9] != "lo"
    )


def _carriers(routes: Iterable[Route], numbers: Iterable[int], bits: int) -> frozenset[str]:
    found: set[str] = set()
    for number in numbers:
        covering = [
            route
            for route in routes
            if number >> (bits - route.prefix) == route.network >> (bits - route.prefix)
        ]
        best = min(((-each.prefix, each.metric) for each in covering), default=None)
        found |= {each.interface for each in covering if (-each.prefix, each.metric) == best}
    return frozenset(found)


def _rows(table: bytes, *, columns: int, flags: int) -> Iterable[list[str]]:
    try:
        for line in table.decode("utf-8", "surrogateescape").splitlines():
            row = line.split()
            if row and len(row) < columns:
                raise RoutesError("a line ends too early")
            if row and int(row[flags], 16) & (UP | REJECT) == UP:
                yield row
    except ValueError as error:
        raise RoutesError("a line is not in the kernel's format") from error


def _swapped(field: str) -> int:
    return int.from_bytes(bytes.fromhex(field), sys.byteorder)
