"""wpa_supplicant over D-Bus: what was negotiated, from the process that negotiated it.

Names: `fi.w1.wpa_supplicant1` (wpa_supplicant's doc/dbus.doxygen); the words of `CurrentAuthMode`
are those of `wpa_key_mgmt_txt` in src/common/wpa_common.c, the same as `key_mgmt` of `wpa_cli
status`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Bus, Host, SourceConflictError, SourceError
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.bus_values import as_bytes
from passmuster_collectors.signals.wifi_security.linux.claims import Claim
from passmuster_collectors.signals.wifi_security.linux.server_check import by_supplicant

NAME = "fi.w1.wpa_supplicant1"
ROOT = "/fi/w1/wpa_supplicant1"
INTERFACE = f"{NAME}.Interface"
BSS = f"{NAME}.BSS"
NETWORK = f"{NAME}.Network"

KEY_MANAGEMENT: Mapping[str, Security] = {
    "WPA-PSK": Security.WPA1_PERSONAL,
    "WPA-NONE": Security.WPA1_PERSONAL,
    "WPA2-PSK": Security.WPA2_PERSONAL,
    "WPA2-PSK-SHA256": Security.WPA2_PERSONAL,
    "FT-PSK": Security.WPA2_PERSONAL,
    "SAE": Security.WPA3_PERSONAL,
    "FT-SAE": Security.WPA3_PERSONAL,
    "SAE-EXT-KEY": Security.WPA3_PERSONAL,
    "FT-SAE-EXT-KEY": Security.WPA3_PERSONAL,
    "OWE": Security.OWE,
    "WPA/IEEE 802.1X/EAP": Security.WPA1_ENTERPRISE,
    "WPA2/IEEE 802.1X/EAP": Security.WPA2_ENTERPRISE,
    "WPA2-EAP-SHA256": Security.WPA2_ENTERPRISE,
    "FT-EAP": Security.WPA2_ENTERPRISE,
    "WPA2-EAP-SUITE-B": Security.WPA3_ENTERPRISE,
    "WPA2-EAP-SUITE-B-192": Security.WPA3_ENTERPRISE,
    "FT-EAP-SHA384": Security.WPA3_ENTERPRISE,
    "IEEE 802.1X (no WPA)": Security.WEP,
}
"""`NONE` is not here: it is an open network or WEP, which only the access point's beacon tells."""

BOTH_PROTOCOLS: Mapping[str, tuple[Security, Security]] = {
    "WPA2-PSK+WPA-PSK": (Security.WPA1_PERSONAL, Security.WPA2_PERSONAL),
    "WPA2+WPA/IEEE 802.1X/EAP": (Security.WPA1_ENTERPRISE, Security.WPA2_ENTERPRISE),
}
"""What `CurrentAuthMode` says where the profile allows both protocols, which is the default: it is
made from the profile's `proto` instead of what was negotiated (wpa_supplicant/dbus)."""

WEAK_CIPHERS = frozenset({"tkip", "wep40", "wep104"})


def read_supplicant(host: Host, interface: str) -> Claim | None:
    """Return what wpa_supplicant says of the interface; None where it has joined nothing.

    Raises `SourceError`.
    """
    (path,) = host.bus_call(Bus.SYSTEM, NAME, ROOT, NAME, "GetInterface", "s", (interface,))
    if not isinstance(path, str):
        raise SourceConflictError(NAME, "GetInterface gave no object")
    state = host.bus_get_all(Bus.SYSTEM, NAME, path, INTERFACE)
    phase, bss_path = state.get("State"), state.get("CurrentBSS")
    if not isinstance(phase, str) or not isinstance(bss_path, str):
        raise SourceConflictError(NAME, "the interface has no State or no CurrentBSS")
    if phase != "completed" or bss_path == "/":
        return None
    if not isinstance(state.get("CurrentAuthMode"), str):
        raise SourceConflictError(NAME, "the interface has joined and has no CurrentAuthMode")
    bss = host.bus_get_all(Bus.SYSTEM, NAME, bss_path, BSS)
    claim = parse_supplicant(state.get("CurrentAuthMode"), bss)
    return replace(claim, server_checked=_server_check(host, state.get("CurrentNetwork")))


def parse_supplicant(auth_mode: Any, bss: Mapping[str, Any]) -> Claim:
    """Return what the properties of the interface and of its access point say."""
    wpa, rsn = _offered(bss.get("WPA")), _offered(bss.get("RSN"))
    possible = _possible(auth_mode, bss, wpa, rsn)
    used = wpa if possible & {Security.WPA1_PERSONAL, Security.WPA1_ENTERPRISE} else rsn
    return Claim(NAME, possible, _weak(possible, used), as_bytes(bss.get("SSID")))


def _server_check(host: Host, network: Any) -> bool | Unknown:
    if not isinstance(network, str) or network == "/":
        return UNKNOWN
    try:
        properties = host.bus_get(Bus.SYSTEM, NAME, network, NETWORK, "Properties")
    except SourceError:
        # Whoever set the network up knows it too.
        return UNKNOWN
    return by_supplicant(properties) if isinstance(properties, Mapping) else UNKNOWN


def security_of(key_management: str, *, privacy: bool | None) -> frozenset[Security]:
    """Return what a `key_mgmt` word means; empty for a word that is not known.

    `privacy` is the bit of the beacon (IEEE 802.11, capability information), None where not told.
    """
    if key_management == "NONE":
        if privacy is None:
            return frozenset()
        return frozenset({Security.WEP if privacy else Security.OPEN})
    found = KEY_MANAGEMENT.get(key_management)
    return frozenset() if found is None else frozenset({found})


def _possible(
    auth_mode: Any,
    bss: Mapping[str, Any],
    wpa: Mapping[str, Any],
    rsn: Mapping[str, Any],
) -> frozenset[Security]:
    if not isinstance(auth_mode, str):
        return frozenset()
    if auth_mode.startswith("EAP-"):
        # During 802.1X it names the EAP method instead; WPA1 or 2 is what the beacon leaves open.
        found = set()
        if wpa:
            found.add(Security.WPA1_ENTERPRISE)
        if rsn:
            suite_b = "wpa-eap-suite-b-192" in _words(rsn.get("KeyMgmt"))
            found.add(Security.WPA3_ENTERPRISE if suite_b else Security.WPA2_ENTERPRISE)
        return frozenset(found)
    if auth_mode in BOTH_PROTOCOLS:
        # The profile allows both; wpa_supplicant takes RSN wherever the beacon carries it.
        wpa1, wpa2 = BOTH_PROTOCOLS[auth_mode]
        return frozenset({wpa2} if rsn else {wpa1} if wpa else ())
    privacy = bss.get("Privacy")
    return security_of(auth_mode, privacy=privacy if isinstance(privacy, bool) else None)


def _weak(possible: frozenset[Security], used: Mapping[str, Any]) -> bool | Unknown:
    if possible & {Security.OPEN, Security.WEP}:
        return True
    group, pairwise = used.get("Group"), _words(used.get("Pairwise"))
    if not isinstance(group, str) or not group or not pairwise:
        return UNKNOWN
    return group in WEAK_CIPHERS or pairwise <= WEAK_CIPHERS


def _offered(value: Any) -> Mapping[str, Any]:
    """Return the dictionary of an element that the beacon carries; empty where it carries none."""
    if isinstance(value, Mapping) and _words(value.get("KeyMgmt")):
        return value
    return {}


def _words(value: Any) -> frozenset[str]:
    if isinstance(value, list | tuple):
        return frozenset(item for item in value if isinstance(item, str))
    return frozenset()
