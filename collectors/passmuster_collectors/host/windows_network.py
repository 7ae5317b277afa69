"""The network interfaces and the routes, as numbers of the kernel (netioapi.h, ws2ipdef.h)."""

import ctypes
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from passmuster_collectors.host.answers import NetworkInterface
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.dll import (
    BYTE,
    DWORD,
    LONG,
    POINTER,
    WORD,
    Function,
    Functions,
    Guid,
)
from passmuster_collectors.host.windows_answers import NetworkAdapter, NetworkRoute
from passmuster_collectors.host.windows_errors import check, functions
from passmuster_collectors.host.windows_memory import Row, guid_text, rows, text

ADAPTERS, ROUTES = "network adapters", "network routes"

IF_TABLE = Function("iphlpapi.dll", "GetIfTable2", LONG, (POINTER,))
ROUTE_TABLE = Function("iphlpapi.dll", "GetIpForwardTable2", LONG, (WORD, POINTER))
INTERFACE_TABLE = Function("iphlpapi.dll", "GetIpInterfaceTable", LONG, (WORD, POINTER))
FREE = Function("iphlpapi.dll", "FreeMibTable", None, (POINTER,))
FUNCTIONS = (IF_TABLE, ROUTE_TABLE, INTERFACE_TABLE, FREE)

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 23
UP = 1  # IfOperStatusUp, ifdef.h
HARDWARE, FILTER, CONNECTOR = 0x1, 0x2, 0x4  # bits of InterfaceAndOperStatusFlags, in order

U64 = ctypes.c_uint64


class Table(ctypes.Structure):
    """The start of every table: a number, then the rows, which begin at eight bytes."""

    _fields_ = (("NumEntries", DWORD), ("Table", U64 * 1))


class IfRow(ctypes.Structure):
    """`MIB_IF_ROW2`."""

    _fields_ = (
        ("InterfaceLuid", U64),
        ("InterfaceIndex", DWORD),
        ("InterfaceGuid", Guid),
        ("Alias", WORD * 257),
        ("Description", WORD * 257),
        ("PhysicalAddressLength", DWORD),
        ("PhysicalAddress", BYTE * 32),
        ("PermanentPhysicalAddress", BYTE * 32),
        ("Mtu", DWORD),
        ("Type", DWORD),
        ("TunnelType", DWORD),
        ("MediaType", DWORD),
        ("PhysicalMediumType", DWORD),
        ("AccessType", DWORD),
        ("DirectionType", DWORD),
        ("InterfaceAndOperStatusFlags", BYTE),
        ("OperStatus", DWORD),
        ("AdminStatus", DWORD),
        ("MediaConnectState", DWORD),
        ("NetworkGuid", Guid),
        ("ConnectionType", DWORD),
        ("TransmitLinkSpeed", U64),
        ("ReceiveLinkSpeed", U64),
        ("Octets", U64 * 18),
    )


class Prefix(ctypes.Structure):
    """`IP_ADDRESS_PREFIX`."""

    _fields_ = (("Prefix", DWORD * 7), ("PrefixLength", BYTE))


class ForwardRow(ctypes.Structure):
    """`MIB_IPFORWARD_ROW2`. Addresses are `SOCKADDR_INET`: 28 bytes that begin with the family."""

    _fields_ = (
        ("InterfaceLuid", U64),
        ("InterfaceIndex", DWORD),
        ("DestinationPrefix", Prefix),
        ("NextHop", DWORD * 7),
        ("SitePrefixLength", BYTE),
        ("ValidLifetime", DWORD),
        ("PreferredLifetime", DWORD),
        ("Metric", DWORD),
        ("Protocol", DWORD),
        ("Loopback", BYTE),
        ("AutoconfigureAddress", BYTE),
        ("Publish", BYTE),
        ("Immortal", BYTE),
        ("Age", DWORD),
        ("Origin", DWORD),
    )


class InterfaceRow(ctypes.Structure):
    """`MIB_IPINTERFACE_ROW`."""

    _fields_ = (
        ("Family", WORD),
        ("InterfaceLuid", U64),
        ("InterfaceIndex", DWORD),
        ("MaxReassemblySize", DWORD),
        ("InterfaceIdentifier", U64),
        ("MinRouterAdvertisementInterval", DWORD),
        ("MaxRouterAdvertisementInterval", DWORD),
        ("AdvertisingEnabled", BYTE),
        ("ForwardingEnabled", BYTE),
        ("WeakHostSend", BYTE),
        ("WeakHostReceive", BYTE),
        ("UseAutomaticMetric", BYTE),
        ("UseNeighborUnreachabilityDetection", BYTE),
        ("ManagedAddressConfigurationSupported", BYTE),
        ("OtherStatefulConfigurationSupported", BYTE),
        ("AdvertiseDefaultRoute", BYTE),
        ("RouterDiscoveryBehavior", DWORD),
        ("DadTransmits", DWORD),
        ("BaseReachableTime", DWORD),
        ("RetransmitTime", DWORD),
        ("PathMtuDiscoveryTimeout", DWORD),
        ("LinkLocalAddressBehavior", DWORD),
        ("LinkLocalAddressTimeout", DWORD),
        ("ZoneIndices", DWORD * 16),
        ("SitePrefixLength", DWORD),
        ("Metric", DWORD),
        ("NlMtu", DWORD),
        ("Connected", BYTE),
        ("SupportsWakeUpPatterns", BYTE),
        ("SupportsNeighborDiscovery", BYTE),
        ("SupportsRouterDiscovery", BYTE),
        ("ReachableTime", DWORD),
        ("TransmitOffload", BYTE),
        ("ReceiveOffload", BYTE),
        ("DisableDefaultRoutes", BYTE),
    )


def adapters() -> tuple[NetworkAdapter, ...]:
    """Return the network interfaces, filters left out. Raises `SourceError`."""
    return read_adapters(functions(ADAPTERS, *FUNCTIONS))


def routes() -> tuple[NetworkRoute, ...]:
    """Return the routes of interfaces that are connected. Raises `SourceError`."""
    return read_routes(functions(ROUTES, *FUNCTIONS))


def interfaces(
    found: tuple[NetworkAdapter, ...], used: tuple[NetworkRoute, ...]
) -> tuple[NetworkInterface, ...]:
    """Return the interfaces in the words of every system, sorted by name."""
    default = {route.interface for route in used if route.prefix == 0}
    return tuple(
        NetworkInterface(adapter.name, adapter.status == UP, adapter.index in default)
        for adapter in sorted(found, key=lambda adapter: adapter.name)
    )


def read_adapters(api: Functions) -> tuple[NetworkAdapter, ...]:
    """Return the network interfaces as the given functions tell of them. Raises `SourceError`."""
    return tuple(
        NetworkAdapter(
            index=row.InterfaceIndex,
            guid=guid_text(row.InterfaceGuid),
            name=text(bytes(row.Alias)),
            type=row.Type,
            status=row.OperStatus,
            hardware=bool(row.InterfaceAndOperStatusFlags & HARDWARE),
            connector=bool(row.InterfaceAndOperStatusFlags & CONNECTOR),
            medium=row.PhysicalMediumType,
        )
        for row in _table(api, ADAPTERS, IfRow, IF_TABLE)
        if not row.InterfaceAndOperStatusFlags & FILTER
    )


def read_routes(api: Functions) -> tuple[NetworkRoute, ...]:
    """Return the routes in use as the given functions tell of them. Raises `SourceError`."""
    metrics = {
        (row.Family, row.InterfaceIndex): row.Metric
        for row in _table(api, ROUTES, InterfaceRow, INTERFACE_TABLE, AF_UNSPEC)
        if row.Connected
    }
    found = []
    for row in _table(api, ROUTES, ForwardRow, ROUTE_TABLE, AF_UNSPEC):
        address = bytes(row.DestinationPrefix.Prefix)
        family = int.from_bytes(address[:2], "little")
        metric = metrics.get((family, row.InterfaceIndex))
        if metric is not None:
            found.append(
                NetworkRoute(
                    _address(family, address),
                    row.DestinationPrefix.PrefixLength,
                    row.InterfaceIndex,
                    row.Metric + metric,
                )
            )
    return tuple(found)


def _address(family: int, address: bytes) -> str:
    """Return a `sockaddr_in` or `sockaddr_in6` as text."""
    if family == AF_INET:
        return str(IPv4Address(address[4:8]))
    if family == AF_INET6:
        return str(IPv6Address(address[8:24]))
    raise SourceConflictError(ROUTES, "an address of an unknown family")


def _table(
    api: Functions, source: str, row: type[Row], ask: Function, *arguments: int
) -> Iterator[Row]:
    found = POINTER()
    check(source, api[ask.name](*arguments, ctypes.byref(found)))
    try:
        yield from rows(source, found, Table, row)
    finally:
        api[FREE.name](found)
