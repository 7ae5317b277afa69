"""Wi-Fi on a Mac: what system_profiler(8) reports, checked against ipconfig(8).

Neither needs the permission for the location, without which macOS hides a network's name.
"""

import re
from collections.abc import Mapping
from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import (
    Reading,
    SourceOutcome,
    not_applicable,
    ok,
    unavailable,
)
from passmuster_collectors.host.answers import NetworkInterface
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import parsed_json, succeeded
from passmuster_collectors.signals.wifi_security.facts import (
    Security,
    WifiSecurityFacts,
    WirelessInterface,
)
from passmuster_collectors.signals.wifi_security.macos.airport import Station, parse_airport
from passmuster_collectors.signals.wifi_security.macos.ipconfig import Summary, parse_summary
from passmuster_collectors.signals.wifi_security.macos.negotiated import agree

SIGNAL = "wifi_security"
MAX_INTERFACES = 16

# It looks for networks while it reports and is known to be slow.
PROFILER_TIMEOUT_S = 8.0

ETHERNET_LIKE = re.compile(r"en\d+")
TUNNEL = re.compile(r"(?:utun|ipsec|ppp|tun|tap|wg)\d+")

NO_WIFI = "This Mac has no Wi-Fi."
CONFLICT = "What macOS says about this Wi-Fi network contradicts itself."
TOO_SLOW = "macOS took too long to say how this Wi-Fi network is protected."
INCOMPLETE = "macOS did not say how this Wi-Fi network is protected."


def read(host: Host) -> Reading:
    """Return the Wi-Fi interfaces and how the joined networks are protected."""
    inquiry = Inquiry()
    listed = inquiry.ask("network interfaces", lambda: _listed(host))
    interfaces = {interface.name: interface for interface in listed or ()}
    stations = inquiry.ask("system_profiler SPAirPortDataType", lambda: _stations(host))
    idle = {station.name for station in stations or () if station.connected is False}
    summaries: dict[str, Summary] = {}
    for name in _to_summarise(stations, interfaces):
        # An interface that is off may have no summary; if it has one it must not deny that.
        asked = Inquiry() if name in idle else inquiry
        summary = asked.ask(f"ipconfig getsummary {name}", partial(_summary, host, name))
        if summary is not None:
            summaries[name] = summary

    if not stations:
        stations = _only_summarised(summaries)
        if stations and inquiry.is_complete:
            inquiry.contradict("system_profiler SPAirPortDataType", "leaves out a Wi-Fi interface")
    if not stations and inquiry.is_complete:
        return not_applicable(SIGNAL, host.now(), NO_WIFI, inquiry.sources)
    facts = WifiSecurityFacts(
        tuple(
            _interface(host, inquiry, station, summaries.get(station.name), interfaces)
            for station in stations[:MAX_INTERFACES]
        ),
        vpn=UNKNOWN if listed is None else _carries(interfaces, TUNNEL),
        wired=_wired(interfaces, stations) if listed is not None else UNKNOWN,
    )
    is_clear = all(
        each.connected != UNKNOWN and each.security is not Security.UNKNOWN
        for each in facts.interfaces
    )
    if inquiry.is_complete and is_clear and len(stations) <= MAX_INTERFACES:
        return ok(SIGNAL, host.now(), facts, inquiry.sources)
    return unavailable(SIGNAL, host.now(), _reason(inquiry), inquiry.sources, facts)


def _listed(host: Host) -> tuple[NetworkInterface, ...]:
    found = host.network_interfaces()
    if not found:
        # Every Mac has at least the loopback.
        raise SourceConflictError("network interfaces", "an empty list")
    return found


def _stations(host: Host) -> tuple[Station, ...]:
    program = Program.SYSTEM_PROFILER
    completed = host.run(program, "-json", "SPAirPortDataType", timeout_s=PROFILER_TIMEOUT_S)
    return parse_airport(parsed_json(program.paths[0], succeeded(program, completed)))


def _summary(host: Host, name: str) -> Summary:
    completed = host.run(Program.IPCONFIG, "getsummary", name)
    return parse_summary(succeeded(Program.IPCONFIG, completed))


def _to_summarise(
    stations: tuple[Station, ...] | None, interfaces: Mapping[str, NetworkInterface]
) -> tuple[str, ...]:
    """Return the interfaces worth a second question.

    Where the report names none, or was not read, that is every one that could be a Wi-Fi interface:
    an empty report is how system_profiler fails.
    """
    if stations:
        return tuple(station.name for station in stations)
    names = (each.name for each in interfaces.values() if each.up)
    return tuple(name for name in names if ETHERNET_LIKE.fullmatch(name))


def _only_summarised(summaries: Mapping[str, Summary]) -> tuple[Station, ...]:
    return tuple(
        Station(name, summary.active, frozenset(), None)
        for name, summary in summaries.items()
        if summary.is_wifi
    )


def _interface(
    host: Host,
    inquiry: Inquiry,
    station: Station,
    summary: Summary | None,
    interfaces: Mapping[str, NetworkInterface],
) -> WirelessInterface:
    joined = agree(station, summary)
    if joined.conflict:
        inquiry.contradict(f"Wi-Fi {station.name}", joined.conflict)
    known = interfaces.get(station.name)
    if known is not None and known.default_route and joined.connected is False:
        inquiry.contradict(f"Wi-Fi {station.name}", "carries traffic without being connected")
    network = joined.ssid
    return WirelessInterface(
        name=station.name,
        connected=joined.connected,
        security=joined.security,
        weak_cipher=joined.weak_cipher,
        default_route=UNKNOWN if known is None else known.default_route,
        network=host.keyed_hash("ssid", network.encode()) if network else None,
    )


def _carries(interfaces: Mapping[str, NetworkInterface], names: re.Pattern[str]) -> bool:
    return any(
        each.up and each.default_route and names.fullmatch(each.name)
        for each in interfaces.values()
    )


def _wired(
    interfaces: Mapping[str, NetworkInterface], stations: tuple[Station, ...]
) -> bool | Unknown:
    wireless = {station.name for station in stations}
    if not wireless and _carries(interfaces, ETHERNET_LIKE):
        return UNKNOWN
    wires = {name: each for name, each in interfaces.items() if name not in wireless}
    return _carries(wires, ETHERNET_LIKE)


def _reason(inquiry: Inquiry) -> str:
    outcomes = {source.outcome for source in inquiry.sources}
    if SourceOutcome.CONFLICT in outcomes:
        return CONFLICT
    return TOO_SLOW if SourceOutcome.TIMEOUT in outcomes else INCOMPLETE
