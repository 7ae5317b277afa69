"""Which network interfaces there are, and which of them carry a default route."""

import contextlib
import fcntl
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

import netifaces

from passmuster_collectors.host.answers import NetworkInterface
from passmuster_collectors.host.base import SourceMissingError
from passmuster_collectors.host.system_errors import from_os_error

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

SOURCE = "network interfaces"
SIOCGIFFLAGS = 0x8913
IFF_RUNNING = 0x40
GATEWAY_FAMILIES = (netifaces.AF_INET, netifaces.AF_INET6)


def interfaces(read_file: Callable[[str], bytes]) -> tuple[NetworkInterface, ...]:
    """Return the interfaces sorted by name. Raises `SourceError`.

    A default route without a gateway, such as a VPN's, is not in netifaces: on Linux it is read
    from `/proc/net/route` and `/proc/net/ipv6_route`.
    """
    try:
        states = _states()
        # By family a list of (gateway, interface, is default); its stub also allows for a number.
        gateways: dict[Any, Any] = dict(netifaces.gateways())
    except OSError as error:
        raise from_os_error(SOURCE, error) from None
    routed = {entry[1] for family in GATEWAY_FAMILIES for entry in gateways.get(family, ())}
    routed |= _parsed(read_file, "/proc/net/route", parse_routes)
    routed |= _parsed(read_file, "/proc/net/ipv6_route", parse_ipv6_routes)
    return tuple(NetworkInterface(name, states[name], name in routed) for name in sorted(states))


def _states() -> dict[str, bool]:
    """Return whether each interface is up and has a carrier (netdevice(7), SIOCGIFFLAGS)."""
    states: dict[str, bool] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            request = struct.pack("16sH22x", name.encode(), 0)
            with contextlib.suppress(OSError):  # it has gone
                answer = fcntl.ioctl(asking, SIOCGIFFLAGS, request)
                (flags,) = struct.unpack_from("H", answer, 16)
                states[name] = bool(flags & IFF_RUNNING)
    return states


def parse_routes(table: bytes) -> set[str]:
    """Return the interfaces with an IPv4 default route in a `/proc/net/route`.

    Columns: interface, destination, gateway, flags, …, mask; numbers in hexadecimal.
    """
    rows = (line.split() for line in table.decode("utf-8", "replace").splitlines()[1:])
    return {
        row[0]
        for row in rows
        if len(row) >= 8 and row[1] == row[7] == "00000000" and _is_up(row[3])
    }


def parse_ipv6_routes(table: bytes) -> set[str]:
    """Return the interfaces with an IPv6 default route in a `/proc/net/ipv6_route`.

    Columns: destination, prefix length, …, flags, interface; numbers in hexadecimal. The kernel's
    own reject route has the same destination: it is on `lo`.
    """
    rows = (line.split() for line in table.decode("utf-8", "replace").splitlines())
    return {
        row[9]
        for row in rows
        if len(row) >= 10
        and row[0] == "0" * 32
        and row[1] == "00"
        and row[9] != "lo"
        and _is_up(row[8])
    }


def _is_up(flags: str) -> bool:
    try:
        return bool(int(flags, 16) & 1)  # RTF_UP, linux/route.h
    except ValueError:
        return False


def _parsed(
    read_file: Callable[[str], bytes], path: str, parse: Callable[[bytes], set[str]]
) -> set[str]:
    try:
        return parse(read_file(path))
    except SourceMissingError:
        return set()  # this kernel has no such protocol
