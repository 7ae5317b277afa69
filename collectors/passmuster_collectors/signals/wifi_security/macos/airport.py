"""The Wi-Fi interfaces as system_profiler(8) reports them: `-json SPAirPortDataType`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.wifi_security.facts import Security

SOURCE = Program.SYSTEM_PROFILER.paths[0]
MAX_INTERFACES = 64

STATUS = "spairport_status_information"
NETWORK = "spairport_current_network_information"
MODE = "spairport_security_mode"

CONNECTED = {
    "spairport_status_connected": True,
    "spairport_status_disassociated": False,
    "spairport_status_off": False,
}

# Apple writes the WPA3 modes without the first letter.
MODE_PREFIX = re.compile(r"s?pairport_security_mode_")
WPA12_PERSONAL = frozenset({Security.WPA1_PERSONAL, Security.WPA2_PERSONAL})
WPA12_ENTERPRISE = frozenset({Security.WPA1_ENTERPRISE, Security.WPA2_ENTERPRISE})
MODES = {
    "none": frozenset({Security.OPEN}),
    "wep": frozenset({Security.WEP}),
    "dynamic_wep": frozenset({Security.WEP}),
    "wpa_personal": frozenset({Security.WPA1_PERSONAL}),
    "wpa_personal_mixed": WPA12_PERSONAL,
    "wpa2_personal": frozenset({Security.WPA2_PERSONAL}),
    "wpa2_personal_mixed": WPA12_PERSONAL,
    "wpa3_transition": frozenset({Security.WPA2_PERSONAL, Security.WPA3_PERSONAL}),
    "wpa3_personal": frozenset({Security.WPA3_PERSONAL}),
    "wpa_enterprise": frozenset({Security.WPA1_ENTERPRISE}),
    "wpa_enterprise_mixed": WPA12_ENTERPRISE,
    "wpa2_enterprise": frozenset({Security.WPA2_ENTERPRISE}),
    "wpa2_enterprise_mixed": WPA12_ENTERPRISE,
    "wpa3_enterprise": frozenset({Security.WPA3_ENTERPRISE}),
}

REDACTED = frozenset({"", "<redacted>"})


@dataclass(frozen=True)
class Station:
    """A Wi-Fi interface that can join networks.

    `security` is what the joined network may have negotiated: several where its mode mixes them,
    none where the mode is not known. `ssid` is None where macOS hides it.
    """

    name: str
    connected: bool | Unknown
    security: frozenset[Security]
    ssid: str | None


def parse_airport(value: Any) -> tuple[Station, ...]:
    """Return the interfaces that can join networks. Raises `SourceConflictError`.

    Those for AirDrop and the like carry a network too, without a status and without a mode.
    """
    if not isinstance(value, dict):
        raise SourceConflictError(SOURCE, "not an object")
    stations = tuple(
        station
        for report in _objects(value.get("SPAirPortDataType"))
        for interface in _objects(report.get("spairport_airport_interfaces", []))
        if (station := _station(interface)) is not None
    )
    if len({station.name for station in stations}) != len(stations):
        raise SourceConflictError(SOURCE, "lists an interface twice")
    return stations


def _station(interface: dict[str, Any]) -> Station | None:
    network = interface.get(NETWORK)
    network = network if isinstance(network, dict) else {}
    mode = network.get(MODE)
    if STATUS not in interface and mode is None:
        return None
    name = interface.get("_name")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise SourceConflictError(SOURCE, "an interface without a name")
    connected = _connected(interface, is_joined=mode is not None)
    ssid = network.get("_name")
    return Station(
        name=name,
        connected=connected,
        security=_security(mode) if connected is not False else frozenset(),
        ssid=ssid if isinstance(ssid, str) and ssid not in REDACTED else None,
    )


def _connected(interface: dict[str, Any], *, is_joined: bool) -> bool | Unknown:
    status = interface.get(STATUS)
    if status is None:
        return is_joined
    connected = CONNECTED.get(status) if isinstance(status, str) else None
    if connected is None or (is_joined and not connected):
        return UNKNOWN
    return connected


def _security(mode: Any) -> frozenset[Security]:
    if not isinstance(mode, str):
        return frozenset()
    prefix = MODE_PREFIX.match(mode)
    return MODES.get(mode[prefix.end() :], frozenset()) if prefix else frozenset()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MAX_INTERFACES:
        raise SourceConflictError(SOURCE, "not a list of interfaces")
    for item in value:
        if not isinstance(item, dict):
            raise SourceConflictError(SOURCE, "not a list of interfaces")
        yield item
