"""Routing messages as macOS's kernel writes them (route(4), net/route.h), made byte by byte."""

import struct

import pytest

from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.macos_routes import Route, default_interfaces, parse_routes

EN0, UTUN4 = 6, 17
UP, GATEWAY, HOST, SCOPED = 0x1, 0x2, 0x4, 0x1000000
INET, INET6 = 2, 30

ANY_V4 = bytes([16, INET, 0, 0, 0, 0, 0, 0]) + bytes(8)
UPPER_HALF_V4 = bytes([16, INET, 0, 0, 128, 0, 0, 0]) + bytes(8)
ROUTER_V4 = bytes([16, INET, 0, 0, 192, 0, 2, 1]) + bytes(8)
NETWORK_V4 = bytes([16, INET, 0, 0, 192, 0, 2, 0]) + bytes(8)
ANY_V6 = bytes([28, INET6]) + bytes(26)
ROUTER_V6 = bytes([28, INET6]) + bytes(6) + b"\xfe\x80" + bytes(18)
LINK = bytes([20, 18]) + bytes(18)  # sockaddr_dl: a route without a gateway
NO_MASK = b""  # a mask of zero bits has the length 0, and takes four bytes
HALF_MASK = bytes([5, 0, 0, 0, 128])
NETWORK_MASK = bytes([7, 0, 0, 0, 255, 255, 255])


def message(interface: int, flags: int, *addresses: bytes) -> bytes:
    data = b"".join(address + bytes(-len(address) % 4) or bytes(4) for address in addresses)
    present = (1 << len(addresses)) - 1
    return (
        struct.pack("=HBBHxxii", 92 + len(data), 5, 4, interface, flags, present)
        + bytes(20 + 56)
        + data
    )


def through(*messages: bytes) -> frozenset[int]:
    return default_interfaces(parse_routes(b"".join(messages)))


def test_the_default_route_names_its_interface() -> None:
    dump = message(EN0, UP | GATEWAY, ANY_V4, ROUTER_V4, NO_MASK)
    assert parse_routes(dump) == (Route(EN0, INET, bytes(4), 0),)
    assert through(dump) == {EN0}


def test_an_ipv6_default_route_counts() -> None:
    assert through(message(EN0, UP | GATEWAY, ANY_V6, ROUTER_V6, NO_MASK)) == {EN0}


def test_a_tunnel_without_a_gateway_counts() -> None:
    assert through(message(UTUN4, UP, ANY_V4, LINK, NO_MASK)) == {UTUN4}


def test_the_scoped_default_routes_that_every_mac_keeps_do_not_count() -> None:
    scoped = message(UTUN4, UP | GATEWAY | SCOPED, ANY_V6, ROUTER_V6, NO_MASK)
    assert through(scoped, message(EN0, UP | GATEWAY, ANY_V4, ROUTER_V4, NO_MASK)) == {EN0}


def test_two_halves_of_all_addresses_are_a_default_route() -> None:
    lower = message(UTUN4, UP | GATEWAY, ANY_V4, ROUTER_V4, HALF_MASK)
    upper = message(UTUN4, UP | GATEWAY, UPPER_HALF_V4, ROUTER_V4, HALF_MASK)
    assert through(lower, upper) == {UTUN4}
    assert through(lower) == frozenset(), "one half of the addresses is not all of them"


def test_a_route_to_one_network_is_no_default_route() -> None:
    assert through(message(EN0, UP, NETWORK_V4, LINK, NETWORK_MASK)) == frozenset()


@pytest.mark.parametrize(
    "flags", [GATEWAY, UP | HOST, UP | 0x8, UP | 0x1000], ids=["down", "host", "reject", "hole"]
)
def test_a_route_that_carries_nothing_does_not_count(flags: int) -> None:
    assert through(message(EN0, flags, ANY_V4, ROUTER_V4, NO_MASK)) == frozenset()


def test_no_routes_at_all_is_an_answer() -> None:
    assert parse_routes(b"") == ()


def test_bytes_that_are_not_the_kernels_are_a_conflict() -> None:
    dump = message(EN0, UP | GATEWAY, ANY_V4, ROUTER_V4, NO_MASK)
    for broken in (dump[:-1], dump[:40], b"\0" * 92, dump[:2] + b"\x09" + dump[3:]):
        with pytest.raises(SourceConflictError):
            parse_routes(broken)


def test_a_message_that_announces_an_address_it_does_not_hold_is_a_conflict() -> None:
    with pytest.raises(SourceConflictError, match="an address is missing"):
        parse_routes(struct.pack("=HBBHxxii", 92, 5, 4, EN0, UP, 1) + bytes(76))
