"""The kernel's tables of interfaces and routes."""

import socket
from typing import Any

import pytest

from passmuster_collectors.host.answers import NetworkInterface
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.dll import guid
from passmuster_collectors.host.windows_answers import NetworkAdapter, NetworkRoute
from passmuster_collectors.host.windows_network import (
    ForwardRow,
    IfRow,
    InterfaceRow,
    Table,
    interfaces,
    read_adapters,
    read_routes,
)
from tests.support.windows_tables import Memory, refusing, table, written

GUID = "5f0e1a2b-0001-4000-8000-00000000000c"
V4, V6 = 2, 23


def if_row(index: int, name: str, kind: int, flags: int) -> IfRow:
    row = IfRow()
    row.InterfaceIndex, row.InterfaceGuid, row.Alias = index, guid(GUID), written(name, 257)
    row.Type, row.InterfaceAndOperStatusFlags, row.OperStatus = kind, flags, 1
    return row


def forward_row(index: int, family: int, address: str, prefix: int, metric: int) -> ForwardRow:
    row = ForwardRow()
    row.InterfaceIndex, row.Metric, row.DestinationPrefix.PrefixLength = index, metric, prefix
    kind, start = (socket.AF_INET, 4) if family == V4 else (socket.AF_INET6, 8)
    raw = family.to_bytes(2, "little").ljust(start, b"\0") + socket.inet_pton(kind, address)
    for number in range(7):
        word = raw.ljust(28, b"\0")[4 * number : 4 * number + 4]
        row.DestinationPrefix.Prefix[number] = int.from_bytes(word, "little")
    return row


def interface_row(index: int, family: int, metric: int, connected: int = 1) -> InterfaceRow:
    row = InterfaceRow()
    row.InterfaceIndex, row.Family, row.Metric, row.Connected = index, family, metric, connected
    return row


class Network:
    def __init__(self, **tables: list[Any]) -> None:
        self.memory = Memory()
        self.tables = tables

    def functions(self, **others: Any) -> dict[str, Any]:
        return {
            "GetIfTable2": lambda found: self._hand_out("adapters", found),
            "GetIpForwardTable2": lambda _, found: self._hand_out("routes", found),
            "GetIpInterfaceTable": lambda _, found: self._hand_out("interfaces", found),
            "FreeMibTable": self.memory.free,
            **others,
        }

    def _hand_out(self, name: str, found: Any) -> int:
        self.memory.hand_out(found, table(Table, self.tables.get(name, [])))
        return 0


def test_filters_are_left_out() -> None:
    rows = [if_row(12, "Wi-Fi", 71, 0b101), if_row(13, "Wi-Fi-WFP Filter", 71, 0b010)]
    network = Network(adapters=rows)
    (found,) = read_adapters(network.functions())
    assert found == NetworkAdapter(
        12, GUID, "Wi-Fi", 71, 1, hardware=True, connector=True, medium=0
    )
    assert network.memory.all_given_back


def test_a_route_costs_what_its_interface_costs_too() -> None:
    network = Network(
        interfaces=[interface_row(12, V4, 35), interface_row(12, V6, 40)],
        routes=[forward_row(12, V4, "128.0.0.0", 1, 5), forward_row(12, V6, "2000::", 3, 6)],
    )
    assert read_routes(network.functions()) == (
        NetworkRoute("128.0.0.0", 1, 12, 40),
        NetworkRoute("2000::", 3, 12, 46),
    )
    assert network.memory.all_given_back


def test_a_route_of_an_interface_that_is_not_connected_is_not_in_use() -> None:
    network = Network(
        interfaces=[interface_row(12, V4, 35, connected=0)],
        routes=[forward_row(12, V4, "128.0.0.0", 1, 5)],
    )
    assert read_routes(network.functions()) == ()


def test_a_table_that_is_refused_gives_the_others_back() -> None:
    network = Network(interfaces=[])
    with pytest.raises(SourceConflictError, match="87"):
        read_routes(network.functions(GetIpForwardTable2=refusing(87)))
    assert network.memory.all_given_back


def test_an_address_of_an_unknown_family_is_a_conflict() -> None:
    strange = forward_row(12, V4, "128.0.0.0", 1, 5)
    strange.DestinationPrefix.Prefix[0] = 77
    network = Network(interfaces=[interface_row(12, 77, 35)], routes=[strange])
    with pytest.raises(SourceConflictError, match="unknown family"):
        read_routes(network.functions())


def test_interfaces_are_told_in_the_words_of_every_system() -> None:
    adapters = (
        NetworkAdapter(12, GUID, "Wi-Fi", 71, 1, hardware=True, connector=True, medium=9),
        NetworkAdapter(6, GUID, "Ethernet", 6, 2, hardware=True, connector=True, medium=14),
    )
    routes = (NetworkRoute("::", 0, 12, 35),)
    assert interfaces(adapters, routes) == (
        NetworkInterface("Ethernet", up=False, default_route=False),
        NetworkInterface("Wi-Fi", up=True, default_route=True),
    )
