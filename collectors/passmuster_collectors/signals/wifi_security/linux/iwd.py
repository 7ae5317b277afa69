"""iwd over D-Bus: its own diagnosis of the link, or at least the kind of network.

Names: iwd's doc/device-api.txt, station-api.txt, station-diagnostic-api.txt, network-api.txt.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import (
    Bus,
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.claims import Claim
from passmuster_collectors.signals.wifi_security.linux.server_check import by_iwd

NAME = "net.connman.iwd"
SETTINGS = "/var/lib/iwd"
PLAIN_NAME = re.compile(r"[A-Za-z0-9 _-]+")
"""Names that iwd takes for a file's as they are; others are in hexadecimal (iwd.network(5))."""

MAX_SETTINGS = 65_536
OBJECTS = "org.freedesktop.DBus.ObjectManager"

DIAGNOSED: Mapping[str, Security] = {
    "WPA1-Personal": Security.WPA1_PERSONAL,
    "WPA1-Enterprise": Security.WPA1_ENTERPRISE,
    "WPA2-Personal": Security.WPA2_PERSONAL,
    "WPA2-Enterprise": Security.WPA2_ENTERPRISE,
    "WPA3-Personal": Security.WPA3_PERSONAL,
    "WPA3-Enterprise": Security.WPA3_ENTERPRISE,
    "OWE": Security.OWE,
}
"""What `GetDiagnostics` says under `Security`, before any ` + FT`."""

PERSONAL = frozenset({Security.WPA1_PERSONAL, Security.WPA2_PERSONAL, Security.WPA3_PERSONAL})
ENTERPRISE = frozenset(
    {Security.WPA1_ENTERPRISE, Security.WPA2_ENTERPRISE, Security.WPA3_ENTERPRISE}
)
KINDS: Mapping[str, frozenset[Security]] = {
    # iwd lists OWE networks as open ones.
    "open": frozenset({Security.OPEN, Security.OWE}),
    "wep": frozenset({Security.WEP}),
    "psk": PERSONAL,
    "8021x": ENTERPRISE,
}
"""`Network.Type`, which says what kind it is and leaves open which of the kind."""


def read_iwd(host: Host, interface: str) -> Claim | None:
    """Return what iwd says of the interface; None where it has joined nothing.

    Raises `SourceError`.
    """
    (objects,) = host.bus_call(Bus.SYSTEM, NAME, "/", OBJECTS, "GetManagedObjects")
    if not isinstance(objects, Mapping):
        raise SourceConflictError(NAME, "GetManagedObjects gave no objects")
    for path, interfaces in objects.items():
        device = _part(interfaces, f"{NAME}.Device")
        if device.get("Name") != interface:
            continue
        network_path = _part(interfaces, f"{NAME}.Station").get("ConnectedNetwork")
        if not isinstance(network_path, str):
            return None
        network = _part(objects.get(network_path), f"{NAME}.Network")
        claim = parse_iwd(_diagnostics(host, path), network)
        checked = _server_check(host, claim.ssid) if network.get("Type") == "8021x" else None
        return replace(claim, server_checked=checked)
    raise SourceMissingError(NAME, f"does not manage {interface}"[:128])


def parse_iwd(diagnostics: Mapping[str, Any], network: Mapping[str, Any]) -> Claim:
    """Return what the diagnosis says, or else the kind of network."""
    name = network.get("Name")
    kind = KINDS.get(str(network.get("Type")), frozenset())
    word = str(diagnostics.get("Security", "")).partition(" + ")[0]
    diagnosed = DIAGNOSED.get(word)
    possible = kind if diagnosed is None else frozenset({diagnosed})
    ssid = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else None
    weak = True if possible <= {Security.WEP} and possible else UNKNOWN
    return Claim(NAME, possible, weak, ssid)


def _diagnostics(host: Host, station: str) -> Mapping[str, Any]:
    try:
        (found,) = host.bus_call(
            Bus.SYSTEM, NAME, station, f"{NAME}.StationDiagnostic", "GetDiagnostics"
        )
    except SourceError:
        # Older versions have no diagnosis; the network's kind then leaves more open.
        return {}
    return found if isinstance(found, Mapping) else {}


def _server_check(host: Host, ssid: bytes | None) -> bool | Unknown:
    # Only root may read it; it is named by the network, which no source may tell.
    name = (ssid or b"").decode("utf-8", "replace")
    plain = PLAIN_NAME.fullmatch(name)
    file = f"{name if plain else '=' + (ssid or b'').hex()}.8021x"
    try:
        return by_iwd(host.read_file(f"{SETTINGS}/{file}", limit=MAX_SETTINGS))
    except SourceError:
        return UNKNOWN


def _part(interfaces: Any, name: str) -> Mapping[str, Any]:
    part = interfaces.get(name) if isinstance(interfaces, Mapping) else None
    return part if isinstance(part, Mapping) else {}
