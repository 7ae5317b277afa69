"""Which interfaces carry a default route, from the kernel's own tables."""

from passmuster_collectors.host.network import parse_ipv6_routes, parse_routes

HEADER = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT     \n"
)
NOWHERE = "00000000000000000000000000000000"


def route(interface: str, destination: str, mask: str, flags: str = "0003") -> str:
    return f"{interface}\t{destination}\t0100A8C0\t{flags}\t0\t0\t600\t{mask}\t0\t0\t0\n"


def ipv6_route(interface: str, destination: str, length: str, flags: str = "00450003") -> str:
    source = f"{NOWHERE} 00 {NOWHERE}"
    return f"{destination} {length} {source} 00000400 00000001 00000000 {flags} {interface:>8}\n"


def test_a_default_route_is_one_to_everywhere() -> None:
    table = HEADER + route("wlan0", "00000000", "00000000") + route("eth0", "0000A8C0", "00FFFFFF")
    assert parse_routes(table.encode()) == {"wlan0"}


def test_several_default_routes_are_all_told() -> None:
    table = HEADER + route("wlan0", "00000000", "00000000") + route("tun0", "00000000", "00000000")
    assert parse_routes(table.encode()) == {"wlan0", "tun0"}


def test_half_of_everywhere_is_not_everywhere() -> None:
    assert parse_routes((HEADER + route("tun0", "00000000", "00000080")).encode()) == set()


def test_a_route_that_is_down_carries_nothing() -> None:
    assert parse_routes((HEADER + route("eth0", "00000000", "00000000", "0002")).encode()) == set()


def test_the_default_route_of_ipv6_is_found_and_the_kernels_reject_route_is_not() -> None:
    table = (
        ipv6_route("wlan0", NOWHERE, "00")
        + ipv6_route("eth0", "fe800000000000000000000000000000", "40")
        + ipv6_route("lo", NOWHERE, "00", "00200200")
    )
    assert parse_ipv6_routes(table.encode()) == {"wlan0"}


def test_garbage_is_no_route() -> None:
    for garbage in (b"", b"\xff\xfe\n\x00", b"a b c\n" * 3, HEADER.encode() + b"x 00000000\n"):
        assert parse_routes(garbage) == set()
        assert parse_ipv6_routes(garbage) == set()
