"""Wi-Fi on Windows: what each adapter negotiated, as numbers of wlanapi.

Since Windows 11 24H2 these numbers need the consent to the location. Without it a network that is
joined is unknown, never absent: the kernel still says that the adapter is up.
"""

from collections.abc import Mapping

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import (
    Reading,
    Source,
    SourceOutcome,
    not_applicable,
    ok,
    unavailable,
)
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import NetworkAdapter, WirelessAdapter
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.wifi_security.facts import (
    Security,
    WifiSecurityFacts,
    WirelessInterface,
)
from passmuster_collectors.signals.wifi_security.windows.negotiated import negotiated
from passmuster_collectors.signals.wifi_security.windows.testimony import (
    ACCESS_DENIED,
    with_companions,
)
from passmuster_collectors.signals.wifi_security.windows.traffic import Traffic, read_traffic

SIGNAL = "wifi_security"
MAX_INTERFACES = 16
MAX_NAME = 64

WIFI = 71  # IF_TYPE_IEEE80211, ipifcons.h
UP = 1  # IfOperStatusUp, ifdef.h
CONNECTED = 1  # wlan_interface_state_connected, wlanapi.h

NO_WIFI = "This computer has no Wi-Fi."
NO_CONSENT = (
    "Windows hides how this Wi-Fi network is protected from programs that may not see the location."
)
DENIED = "Passmuster is not allowed to ask Windows about the Wi-Fi."
CONFLICT = "What Windows says about this Wi-Fi network contradicts itself."
INCOMPLETE = "Windows did not say how this Wi-Fi network is protected."


def read(host: Host) -> Reading:
    """Return the Wi-Fi adapters and how the joined networks are protected."""
    inquiry = Inquiry()
    listed = inquiry.ask("network adapters", lambda: _adapters(host))
    stations = inquiry.ask("wlanapi", lambda: _stations(host))
    if stations is not None:
        stations = with_companions(host, inquiry, stations)
    named = {adapter.guid: adapter for adapter in listed or ()}
    told = {station.guid: station for station in stations or ()}

    traffic = read_traffic(host, inquiry, listed)
    adapters = [each.guid for each in named.values() if _is_adapter(each, traffic)]
    if inquiry.is_complete and not adapters and not told:
        return not_applicable(SIGNAL, host.now(), NO_WIFI, inquiry.sources)
    guids = [*told, *(guid for guid in adapters if guid not in told)]
    facts = WifiSecurityFacts(
        tuple(
            _interface(host, inquiry, told.get(guid), named.get(guid), traffic)
            for guid in guids[:MAX_INTERFACES]
        ),
        vpn=traffic.vpn,
        wired=traffic.wired,
    )
    is_clear = all(
        each.connected != UNKNOWN and each.security is not Security.UNKNOWN
        for each in facts.interfaces
    )
    if inquiry.is_complete and is_clear and len(guids) <= MAX_INTERFACES:
        return ok(SIGNAL, host.now(), facts, inquiry.sources)
    return unavailable(SIGNAL, host.now(), _reason(inquiry, told), inquiry.sources, facts)


def _stations(host: Host) -> tuple[WirelessAdapter, ...]:
    """Return what the Wi-Fi service tells; a Windows without one, or where it rests, has none.

    Then the adapters themselves say whether one of them is in use nevertheless.
    """
    try:
        return host.wireless_connections()
    except SourceMissingError:
        return ()


def _adapters(host: Host) -> tuple[NetworkAdapter, ...]:
    found = host.network_adapters()
    if not found:
        # Every Windows has at least the loopback.
        raise SourceConflictError("network adapters", "an empty list")
    return found


def _is_adapter(adapter: NetworkAdapter, traffic: Traffic) -> bool:
    """Return whether it joins networks: Windows makes virtual ones that serve its own hotspot."""
    carries = traffic.default_route(adapter.index) is True
    return adapter.type == WIFI and (adapter.hardware or carries)


def _interface(
    host: Host,
    inquiry: Inquiry,
    station: WirelessAdapter | None,
    adapter: NetworkAdapter | None,
    traffic: Traffic,
) -> WirelessInterface:
    name = (adapter.name if adapter is not None else station.guid if station else "")[:MAX_NAME]
    connected = _connected(inquiry, name, station, adapter)
    connection = station.connection if station is not None else None
    security: Security | None = None
    weak: bool | Unknown | None = None
    if connected is not False:
        security, weak = Security.UNKNOWN, UNKNOWN
    if connected is True and connection is not None:
        security, weak = negotiated(
            connection.authentication,
            connection.cipher,
            security_enabled=connection.security_enabled,
        )
    elif connected is True and station is not None:
        outcome = SourceOutcome.DENIED if station.error == ACCESS_DENIED else SourceOutcome.CONFLICT
        detail = "blocked by location consent, " if station.error == ACCESS_DENIED else ""
        inquiry.sources.append(Source(f"wlanapi {name}", outcome, f"{detail}error {station.error}"))
    ssid = connection.ssid if connection is not None and connected is True else b""
    return WirelessInterface(
        name=name,
        connected=connected,
        security=security,
        weak_cipher=weak,
        default_route=UNKNOWN if adapter is None else traffic.default_route(adapter.index),
        network=host.keyed_hash("ssid", ssid) if ssid else None,
    )


def _connected(
    inquiry: Inquiry,
    name: str,
    station: WirelessAdapter | None,
    adapter: NetworkAdapter | None,
) -> bool | Unknown:
    """Return whether a network is joined, where the adapter and the Wi-Fi service agree.

    An adapter that is up has joined one, whatever else is known of it.
    """
    up = adapter is not None and adapter.status == UP
    if station is None:
        if up and inquiry.is_complete:
            inquiry.contradict(f"Wi-Fi {name}", "is up, and wlanapi does not tell of it")
        return UNKNOWN if up or adapter is None else False
    if station.state == CONNECTED:
        return True
    if up:
        inquiry.contradict(f"Wi-Fi {name}", f"not connected (state {station.state}), but up")
    elif adapter is None and inquiry.is_complete:
        inquiry.contradict(f"Wi-Fi {name}", "in no list of interfaces")
    return UNKNOWN if up or adapter is None else False


def _reason(inquiry: Inquiry, told: Mapping[str, WirelessAdapter]) -> str:
    if any(station.error == ACCESS_DENIED for station in told.values()):
        return NO_CONSENT
    outcomes = {source.outcome for source in inquiry.sources}
    if SourceOutcome.DENIED in outcomes:
        return DENIED
    return CONFLICT if SourceOutcome.CONFLICT in outcomes else INCOMPLETE
