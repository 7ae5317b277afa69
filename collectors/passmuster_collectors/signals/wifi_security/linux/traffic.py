"""What carries the traffic: which interface the default route takes, a VPN, a cable."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.answers import NetworkInterface
from passmuster_collectors.host.base import (
    Bus,
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.wifi_security.linux import networkmanager, routes
from passmuster_collectors.signals.wifi_security.linux.interfaces import INTERFACES, is_gone

ETHERNET, PPP, NONE = 1, 512, 65534
"""Kinds of hardware (`/sys/class/net/*/type`, include/uapi/linux/if_arp.h).

Tunnels (tun, WireGuard) have none.
"""

VPN_TYPES = frozenset({"vpn", "wireguard"})
"""NetworkManager's names of connections that are a VPN (`PrimaryConnectionType`)."""

NUMBER = re.compile(rb"\d{1,5}")


@dataclass(frozen=True)
class Traffic:
    """What carries the traffic. `routes`: of each interface whether the default route is its."""

    routes: Mapping[str, bool]
    vpn: bool | Unknown
    wired: bool | Unknown

    def default_route(self, interface: str) -> bool | Unknown:
        """Whether the default route goes through the interface."""
        return self.routes.get(interface, UNKNOWN)


def read_traffic(host: Host, inquiry: Inquiry, wireless: frozenset[str]) -> Traffic:
    """Return what carries the traffic; what was refused is noted and told as unknown."""
    listed = inquiry.ask("default routes", host.network_interfaces)
    if listed is None:
        return Traffic({}, UNKNOWN, UNKNOWN)
    kinds: dict[str, int | None] = {}
    for each in listed:
        if each.name in wireless:
            continue
        try:
            kinds[each.name] = _kind(host, each)
        except SourceError as error:
            if not is_gone(host, each.name, error):
                inquiry.sources.append(error.source())
                kinds[each.name] = None
    carrying = [kinds[each.name] for each in listed if each.default_route and each.name in kinds]
    wired: bool | Unknown = ETHERNET in carrying
    if None in carrying and not wired:
        wired = UNKNOWN
    by_name = {each.name: each.default_route for each in listed}
    return Traffic(by_name, _vpn(host, inquiry, listed, kinds), wired)


def _vpn(
    host: Host,
    inquiry: Inquiry,
    listed: tuple[NetworkInterface, ...],
    kinds: Mapping[str, int | None],
) -> bool | Unknown:
    tunnels = [each for each in listed if kinds.get(each.name) in (PPP, NONE)]
    carrying = _carriers(host, inquiry)
    if carrying is None:
        return UNKNOWN
    if carrying and all(_is_tunnel(host, name) for name in carrying):
        return True
    try:
        primary = host.bus_get(
            Bus.SYSTEM,
            networkmanager.NAME,
            networkmanager.ROOT,
            networkmanager.NAME,
            "PrimaryConnectionType",
        )
    except SourceMissingError:
        primary = ""
    except SourceError as error:
        inquiry.sources.append(error.source())
        return UNKNOWN
    if primary in VPN_TYPES:
        return True
    if any(kind is None for kind in kinds.values()):
        return UNKNOWN
    # A tunnel that is up may carry everything by rules for some programs or users alone.
    return UNKNOWN if any(each.up for each in tunnels) else False


def _carriers(host: Host, inquiry: Inquiry) -> frozenset[str] | None:
    """Return the interfaces that public traffic leaves by; None where that can't be read.

    The kernel's own lookup knows routing rules too, by which wg-quick, for example, sends all
    traffic through its tunnel. Where there is none, the main tables are read.
    """
    try:
        found = {host.outgoing_interface(address) for address in routes.PUBLIC_IPV4}
        found |= _ipv6_carriers(host)
    except SourceMissingError:
        return _carriers_by_tables(host, inquiry)
    except SourceError as error:
        inquiry.sources.append(error.source())
        return None
    return frozenset(name for name in found if name is not None)


def _ipv6_carriers(host: Host) -> set[str | None]:
    try:
        return {host.outgoing_interface(address) for address in routes.PUBLIC_IPV6}
    except SourceMissingError:
        return set()  # this kernel has no such protocol


def _carriers_by_tables(host: Host, inquiry: Inquiry) -> frozenset[str] | None:
    tables: list[bytes | None] = []
    for path in routes.TABLES:
        try:
            tables.append(host.read_file(path))
        except SourceMissingError:
            tables.append(None)
        except SourceError as error:
            inquiry.sources.append(error.source())
            return None
    try:
        return routes.carriers(*tables)
    except routes.RoutesError as error:
        inquiry.contradict(routes.IPV4, str(error))
        return None


def _is_tunnel(host: Host, name: str) -> bool:
    """Whether the interface is a tunnel for certain.

    A modem has the same kind of hardware as a tunnel, none: what tells are the flags that the tun
    driver alone has, and the type that WireGuard gives its devices.
    """
    folder = f"{INTERFACES}/{name}"
    try:
        host.read_file(f"{folder}/tun_flags", limit=64)
    except SourceError:
        pass
    else:
        return True
    try:
        return b"DEVTYPE=wireguard" in host.read_file(f"{folder}/uevent", limit=4096).split()
    except SourceError:
        return False


def _kind(host: Host, interface: NetworkInterface) -> int:
    path = f"{INTERFACES}/{interface.name}/type"
    data = host.read_file(path, limit=64).strip()
    if not NUMBER.fullmatch(data):
        raise SourceConflictError(path, "not what the kernel prints here")
    return int(data)
