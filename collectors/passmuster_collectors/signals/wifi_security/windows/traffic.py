"""What carries the traffic: which interface public addresses are sent to, a VPN, a cable.

Windows has one routing table, which a VPN for all traffic wins by narrower routes or lower metrics.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.windows_answers import NetworkAdapter, NetworkRoute
from passmuster_collectors.signals.inquiry import Inquiry

# IF_TYPE_… in ipifcons.h: Ethernet, a dial-up or Windows' own VPN, a virtual one (WireGuard, most
# makers' VPN), a tunnel for IPv6.
ETHERNET, PPP, VIRTUAL, TUNNEL = 6, 23, 53, 131
UP = 1  # IfOperStatusUp, ifdef.h

# Nothing is sent to them. Any public addresses do, as long as they are far apart.
PUBLIC = (
    *("3.3.3.3", "64.64.64.64", "150.150.150.150", "200.200.200.200"),
    *("2400::1", "2600::1", "2800::1", "2a00::1"),
)


@dataclass(frozen=True)
class Traffic:
    """What carries the traffic. `default_routes`: the adapters with one; None where not read."""

    default_routes: frozenset[int] | None
    vpn: bool | Unknown
    wired: bool | Unknown

    def default_route(self, adapter: int) -> bool | Unknown:
        """Whether a default route goes through the adapter."""
        return UNKNOWN if self.default_routes is None else adapter in self.default_routes


def read_traffic(
    host: Host, inquiry: Inquiry, adapters: tuple[NetworkAdapter, ...] | None
) -> Traffic:
    """Return what carries the traffic; what was refused is noted and told as unknown."""
    routes = inquiry.ask("network routes", lambda: _routes(host))
    if routes is None:
        return Traffic(None, UNKNOWN, UNKNOWN)
    default = frozenset(route.interface for route in routes if route.prefix == 0)
    if adapters is None:
        return Traffic(default, UNKNOWN, UNKNOWN)
    by_index = {adapter.index: adapter for adapter in adapters}
    carrying = carriers(routes)
    if not carrying <= by_index.keys():
        inquiry.contradict("network routes", "name an adapter that is not there")
        return Traffic(default, UNKNOWN, UNKNOWN)
    found = [by_index[index] for index in carrying]
    return Traffic(default, _vpn(found, adapters), _wired(found))


def _routes(host: Host) -> tuple[NetworkRoute, ...]:
    found = host.network_routes()
    if not found:
        # Every Windows has at least those of the loopback.
        raise SourceConflictError("network routes", "an empty list")
    return found


def carriers(routes: Iterable[NetworkRoute]) -> frozenset[int]:
    """Return the adapters that public addresses are sent to: longest prefix, then lowest metric."""
    parsed = [(ip_address(route.destination), route) for route in routes]
    found: set[int] = set()
    for address in map(ip_address, PUBLIC):
        bits = address.max_prefixlen
        covering = [
            route
            for destination, route in parsed
            if isinstance(destination, IPv4Address) is isinstance(address, IPv4Address)
            and int(address) >> (bits - route.prefix) == int(destination) >> (bits - route.prefix)
        ]
        best = min(((-each.prefix, each.metric) for each in covering), default=None)
        found |= {each.interface for each in covering if (-each.prefix, each.metric) == best}
    return frozenset(found)


def _vpn(carrying: list[NetworkAdapter], adapters: Iterable[NetworkAdapter]) -> bool | Unknown:
    """Return whether all public traffic leaves by a VPN.

    A cable's dial-up has the type of Windows' own VPN, some makers' VPN the type of a virtual
    switch, and a tunnel for IPv6 encrypts nothing: what may be the one or the other is unknown.
    """
    wired = any(each.status == UP and _is_cable(each) for each in adapters)
    answers = [_is_vpn(each, wired=wired) for each in carrying]
    if not answers or False in answers:
        return False
    return UNKNOWN if UNKNOWN in answers else True


def _is_vpn(adapter: NetworkAdapter, *, wired: bool) -> bool | Unknown:
    if adapter.type == VIRTUAL:
        return True
    if adapter.type == PPP:
        return UNKNOWN if wired else True
    ambiguous = adapter.type == TUNNEL or (adapter.type == ETHERNET and not _is_cable(adapter))
    return UNKNOWN if ambiguous else False


def _wired(carrying: list[NetworkAdapter]) -> bool | Unknown:
    if any(_is_cable(each) for each in carrying):
        return True
    # A virtual switch may lie over a cable or over Wi-Fi.
    return UNKNOWN if any(each.type == ETHERNET for each in carrying) else False


def _is_cable(adapter: NetworkAdapter) -> bool:
    return adapter.type == ETHERNET and adapter.hardware
