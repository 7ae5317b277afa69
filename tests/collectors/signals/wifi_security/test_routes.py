"""Which interface public traffic leaves by, as the kernel would choose."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.signals.wifi_security.linux.routes import (
    IPV4,
    IPV6,
    PUBLIC_IPV4,
    PUBLIC_IPV6,
    RoutesError,
    carriers,
)

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
NOWHERE = "0" * 32


def ipv4(*rows: tuple[str, str, str, int], flags: str = "0003") -> bytes:
    lines = (
        f"{interface}\t{network}\t0101A8C0\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n"
        for interface, network, mask, metric in rows
    )
    return (HEAD + "".join(lines)).encode()


def ipv6(interface: str, network: str, prefix: int, metric: int, flags: int = 3) -> bytes:
    return (
        f"{network:0<32} {prefix:02x} {NOWHERE} 00 {NOWHERE} {metric:08x} 00000001 00000000 "
        f"{flags:08x} {interface:>8}\n"
    ).encode()


def test_the_public_addresses_are_the_numbers_they_stand_beside() -> None:
    told = {**PUBLIC_IPV4, **PUBLIC_IPV6}
    assert told == {address: int(ip_address(address)) for address in told}
    assert all(ip_address(address).is_global for address in told)


def test_the_default_route_carries_what_nothing_else_does() -> None:
    table = ipv4(("wlan0", "00000000", "00000000", 600), ("wlan0", "0001A8C0", "00FFFFFF", 600))
    assert carriers(table, None) == {"wlan0"}


def test_of_two_default_routes_the_lower_metric_counts() -> None:
    table = ipv4(("wlan0", "00000000", "00000000", 600), ("wwan0", "00000000", "00000000", 700))
    assert carriers(table, None) == {"wlan0"}


def test_two_halves_lie_over_a_default_route_of_any_metric() -> None:
    table = ipv4(
        ("wlan0", "00000000", "00000000", 0),
        ("tun0", "00000000", "00000080", 50),
        ("tun0", "00000080", "00000080", 50),
    )
    assert carriers(table, None) == {"tun0"}


def test_half_a_tunnel_leaves_the_other_half_where_it_was() -> None:
    table = ipv4(("wlan0", "00000000", "00000000", 0), ("tun0", "00000000", "00000080", 0))
    assert carriers(table, None) == {"tun0", "wlan0"}


def test_both_protocols_count() -> None:
    table = ipv4(("tun0", "00000000", "00000000", 0))
    assert carriers(table, ipv6("wlan0", "", 0, 600)) == {"tun0", "wlan0"}


def test_global_addresses_may_have_a_route_of_their_own() -> None:
    table = ipv6("wlan0", "", 0, 600) + ipv6("tun0", "2", 3, 1024)
    assert carriers(None, table) == {"tun0"}


def test_routes_that_refuse_or_are_down_carry_nothing() -> None:
    assert carriers(ipv4(("x", "00000000", "00000000", 0), flags="0200"), None) == frozenset()
    assert carriers(None, ipv6("x", "", 0, 0, flags=0x200)) == frozenset()
    assert carriers(None, ipv6("lo", "", 0, 0)) == frozenset()


def test_no_tables_carry_nothing() -> None:
    assert carriers(None, None) == frozenset()


@pytest.mark.parametrize("table", [b"head\nwlan0 0000", b"head\nwlan0 x x zz 0 0 0 0", b"\n\xff 1"])
def test_another_format_is_refused(table: bytes) -> None:
    with pytest.raises(RoutesError):
        carriers(table, None)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(first: bytes, second: bytes) -> None:
    try:
        found = carriers(first, second)
    except RoutesError:
        return
    assert isinstance(found, frozenset)


def test_this_kernels_tables_are_understood() -> None:
    tables = (Path(path) for path in (IPV4, IPV6))
    found = carriers(*(path.read_bytes() if path.exists() else None for path in tables))
    assert found <= {path.name for path in Path("/sys/class/net").iterdir()}
