"""Which network interfaces a Mac has, and through which of them it reaches the world.

The routes are read from the kernel as numbers: sysctl(3), route(4), net/route.h. What netstat(1)
prints, and what libraries make of it, can't tell a tunnel that carries the traffic from the four
or more tunnels that every Mac keeps for itself.
"""

import ctypes
import ctypes.util
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from passmuster_collectors.host.answers import NetworkInterface
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.system_errors import from_os_error

assert sys.platform != "win32"  # noqa: S101 - the type checker reads it too

SOURCE = "network interfaces"
ROUTES = "sysctl net.route"

CTL_NET, PF_ROUTE, NET_RT_DUMP = 4, 17, 1
AF_INET, AF_INET6 = 2, 30

RTM_VERSION = 5
RTF_UP, RTF_HOST, RTF_REJECT, RTF_BLACKHOLE, RTF_IFSCOPE = 0x1, 0x4, 0x8, 0x1000, 0x1000000
RTA_DST, RTA_GATEWAY, RTA_NETMASK = 0x1, 0x2, 0x4

# struct rt_msghdr: length, version, type, interface index, padding, flags, addresses, then process,
# sequence, error, use, inits (5 * 4 bytes) and struct rt_metrics (14 * 4 bytes).
HEADER = struct.Struct("=HBBHxxii20x56x")
ADDRESS_AT = {AF_INET: (4, 4), AF_INET6: (8, 16)}  # sockaddr_in, sockaddr_in6: offset, length
MAX_BYTES = 16 * 1024 * 1024


class Route(NamedTuple):
    """A route that is in use: interface number, address family, destination, prefix length."""

    interface: int
    family: int
    destination: bytes
    prefix: int


def interfaces() -> tuple[NetworkInterface, ...]:
    """Return the interfaces sorted by name. Raises `SourceError`."""
    import psutil  # noqa: PLC0415 - loaded when it is first needed

    try:
        states = psutil.net_if_stats()
    except OSError as error:
        raise from_os_error(SOURCE, error) from None
    routed = {_name(index) for index in default_interfaces(parse_routes(_read_routes()))}
    return tuple(
        NetworkInterface(name, states[name].isup, name in routed) for name in sorted(states)
    )


def default_interfaces(routes: tuple[Route, ...]) -> frozenset[int]:
    """Return the numbers of the interfaces that carry whatever has no route of its own.

    A tunnel often takes all traffic with two routes that each cover one half of all addresses,
    because they win over the default route without replacing it: a pair counts as one.
    """
    halves: dict[tuple[int, int], set[bytes]] = {}
    found = set()
    for route in routes:
        if route.prefix == 0:
            found.add(route.interface)
        elif route.prefix == 1:
            halves.setdefault((route.interface, route.family), set()).add(route.destination)
    both = {index for (index, _), destinations in halves.items() if len(destinations) == 2}
    return frozenset(found | both)


def parse_routes(dump: bytes) -> tuple[Route, ...]:
    """Return the routes of one or no bit that are in use, from the kernel's routing messages.

    Routes that hold on one interface only (`RTF_IFSCOPE`) are left out: they choose nothing. Raises
    `SourceConflictError` for bytes that are not the kernel's.
    """
    found = []
    at = 0
    while at < len(dump):
        if len(dump) - at < HEADER.size:
            raise SourceConflictError(ROUTES, "ends inside a message")
        length, version, _, index, flags, present = HEADER.unpack_from(dump, at)
        if version != RTM_VERSION or length < HEADER.size or at + length > len(dump):
            raise SourceConflictError(ROUTES, "not a routing message")
        addresses = dict(_addresses(dump[at + HEADER.size : at + length], present))
        at += length
        if not flags & RTF_UP or flags & (RTF_HOST | RTF_REJECT | RTF_BLACKHOLE | RTF_IFSCOPE):
            continue
        route = _route(index, addresses.get(RTA_DST, b""), addresses.get(RTA_NETMASK, b""))
        if route is not None and route.prefix <= 1:
            found.append(route)
    return tuple(found)


def _addresses(data: bytes, present: int) -> Iterator[tuple[int, bytes]]:
    at = 0
    for kind in (RTA_DST, RTA_GATEWAY, RTA_NETMASK):
        if not present & kind:
            continue
        if at >= len(data):
            raise SourceConflictError(ROUTES, "an address is missing")
        length = data[at]
        yield kind, data[at : at + length]
        at += (length + 3) // 4 * 4 or 4


def _route(index: int, destination: bytes, mask: bytes) -> Route | None:
    if len(destination) < 2 or destination[1] not in ADDRESS_AT:
        return None
    family = destination[1]
    offset, length = ADDRESS_AT[family]
    # The kernel leaves out the zeros at an address's end, most of all in masks.
    bits = int.from_bytes(mask[offset : offset + length].ljust(length, b"\0"), "big")
    address = destination[offset : offset + length].ljust(length, b"\0")
    return Route(index, family, address, bits.bit_count())


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return ""  # gone since the routes were read


def _read_routes() -> bytes:
    libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    where = (ctypes.c_int * 6)(CTL_NET, PF_ROUTE, 0, 0, NET_RT_DUMP, 0)
    for _ in range(3):
        size = ctypes.c_size_t(0)
        _check(libc.sysctl(where, 6, None, ctypes.byref(size), None, ctypes.c_size_t(0)))
        if size.value > MAX_BYTES:
            raise SourceConflictError(ROUTES, f"larger than {MAX_BYTES} bytes")
        size.value += size.value // 4  # routes may be added in between
        buffer = ctypes.create_string_buffer(max(1, size.value))
        failed = libc.sysctl(where, 6, buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
        if not failed:
            return buffer.raw[: size.value]
        if ctypes.get_errno() != errno.ENOMEM:
            _check(failed)
    raise SourceConflictError(ROUTES, "grew while it was read")


def _check(failed: int) -> None:
    if failed:
        code = ctypes.get_errno()
        raise from_os_error(ROUTES, OSError(code, os.strerror(code)))
