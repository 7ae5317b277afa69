"""NetworkManager over D-Bus: what the access point offers, narrowed by what the profile allows.

Bits: `NM80211ApFlags` and `NM80211ApSecurityFlags` in src/libnm-core-public/nm-dbus-interface.h.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Bus, Host, SourceConflictError, SourceError
from passmuster_collectors.signals.wifi_security.facts import Security
from passmuster_collectors.signals.wifi_security.linux.bus_values import as_bytes
from passmuster_collectors.signals.wifi_security.linux.claims import Claim
from passmuster_collectors.signals.wifi_security.linux.server_check import by_networkmanager

NAME = "org.freedesktop.NetworkManager"
ROOT = "/org/freedesktop/NetworkManager"
DEVICE = f"{NAME}.Device"
WIRELESS = f"{NAME}.Device.Wireless"
ACCESS_POINT = f"{NAME}.AccessPoint"
ACTIVE = f"{NAME}.Connection.Active"
PROFILE = f"{NAME}.Settings.Connection"

ACTIVATED = 100
PRIVACY = 0x1
PAIR_TKIP, PAIR_CCMP = 0x4, 0x8
GROUP_WEP40, GROUP_WEP104, GROUP_TKIP, GROUP_CCMP = 0x10, 0x20, 0x40, 0x80
PSK, IEEE_802_1X, SAE, OWE = 0x100, 0x200, 0x400, 0x800
OWE_TRANSITION, EAP_SUITE_B_192 = 0x1000, 0x2000
WEAK_GROUPS = GROUP_WEP40 | GROUP_WEP104 | GROUP_TKIP
KEY_MANAGEMENT = PSK | IEEE_802_1X | SAE | OWE | EAP_SUITE_B_192


def read_networkmanager(host: Host, interface: str) -> Claim | None:
    """Return what NetworkManager says of the interface; None where it has joined nothing.

    Raises `SourceError`.
    """
    (path,) = host.bus_call(Bus.SYSTEM, NAME, ROOT, NAME, "GetDeviceByIpIface", "s", (interface,))
    device = host.bus_get_all(Bus.SYSTEM, NAME, str(path), DEVICE)
    point = host.bus_get(Bus.SYSTEM, NAME, str(path), WIRELESS, "ActiveAccessPoint")
    state = device.get("State")
    if not isinstance(point, str) or not isinstance(state, int):
        raise SourceConflictError(NAME, "the device has no State or no ActiveAccessPoint")
    if point == "/" or state != ACTIVATED:
        return None
    offered = host.bus_get_all(Bus.SYSTEM, NAME, point, ACCESS_POINT)
    profile = _profile(host, device.get("ActiveConnection"))
    claim = parse_access_point(offered, _section(profile, "802-11-wireless-security"))
    return replace(claim, server_checked=by_networkmanager((profile or {}).get("802-1x")))


def parse_access_point(offered: Mapping[str, Any], profile: Mapping[str, Any] | None) -> Claim:
    """Return what may have been negotiated. `profile` is its `802-11-wireless-security` section.

    An empty one is a network without security; None is a profile that could not be read. Raises
    `SourceConflictError` for flags that are none.
    """
    flags, wpa, rsn = (offered.get(name) for name in ("Flags", "WpaFlags", "RsnFlags"))
    if not all(isinstance(value, int) for value in (flags, wpa, rsn)):
        raise SourceConflictError(NAME, "the access point has no flags")
    assert isinstance(flags, int)  # noqa: S101 - all three were checked
    assert isinstance(wpa, int)  # noqa: S101 - all three were checked
    assert isinstance(rsn, int)  # noqa: S101 - all three were checked
    possible = _possible(flags, wpa, rsn, profile)
    offered_at_all = _of_rsn(rsn) | _of_wpa(wpa) | possible
    weak = _weak(possible, wpa, rsn)
    return Claim(NAME, possible, weak, as_bytes(offered.get("Ssid")), offered_at_all)


def _possible(
    flags: int, wpa: int, rsn: int, profile: Mapping[str, Any] | None
) -> frozenset[Security]:
    management = profile.get("key-mgmt") if profile else None
    if not (wpa | rsn) & KEY_MANAGEMENT:
        if management == "owe":
            # Older versions do not tell OWE: neither the flags nor the wish can be believed.
            return frozenset()
        if (wpa | rsn) & ~OWE_TRANSITION:
            return frozenset()  # it is encrypted in a way that has no bit here
        # OWE_TRANSITION on its own is the open half of a transition network.
        return frozenset({Security.WEP if flags & PRIVACY else Security.OPEN})
    offered_rsn, offered_wpa = _of_rsn(rsn), _of_wpa(wpa)
    if not offered_wpa or not offered_rsn:
        return _narrowed(offered_rsn | offered_wpa, management)
    # With both on offer wpa_supplicant takes RSN, unless the profile rules it out.
    if profile is None:
        return offered_rsn | offered_wpa
    protocols = profile.get("proto") or ["rsn"]
    if "rsn" not in protocols:
        return offered_wpa
    return _narrowed(offered_rsn, management)


def _narrowed(possible: frozenset[Security], management: Any) -> frozenset[Security]:
    """Return what is left of an offer when the profile insists on one kind."""
    if management == "sae":
        return possible & {Security.WPA3_PERSONAL}
    if management == "wpa-psk" and possible & {Security.WPA2_PERSONAL}:
        # NetworkManager lets wpa-psk profiles use SAE where both sides can.
        return possible & {Security.WPA2_PERSONAL, Security.WPA3_PERSONAL}
    return possible


def _of_rsn(flags: int) -> frozenset[Security]:
    table = (
        (PSK, Security.WPA2_PERSONAL),
        (SAE, Security.WPA3_PERSONAL),
        (OWE, Security.OWE),
        (IEEE_802_1X, Security.WPA2_ENTERPRISE),
        (EAP_SUITE_B_192, Security.WPA3_ENTERPRISE),
    )
    return frozenset(security for bit, security in table if flags & bit)


def _of_wpa(flags: int) -> frozenset[Security]:
    table = ((PSK, Security.WPA1_PERSONAL), (IEEE_802_1X, Security.WPA1_ENTERPRISE))
    return frozenset(security for bit, security in table if flags & bit)


def _weak(possible: frozenset[Security], wpa: int, rsn: int) -> bool | Unknown:
    if possible & {Security.OPEN, Security.WEP}:
        return True
    if not possible:
        return UNKNOWN
    used = wpa if possible <= {Security.WPA1_PERSONAL, Security.WPA1_ENTERPRISE} else rsn
    if used & WEAK_GROUPS:
        return True
    if not used & GROUP_CCMP:
        # GCMP and newer suites have no bit here.
        return UNKNOWN
    return bool(used & PAIR_TKIP and not used & PAIR_CCMP)


def _profile(host: Host, active: Any) -> Mapping[str, Any] | None:
    if not isinstance(active, str) or active == "/":
        return None
    try:
        settings_path = host.bus_get(Bus.SYSTEM, NAME, active, ACTIVE, "Connection")
        (settings,) = host.bus_call(Bus.SYSTEM, NAME, str(settings_path), PROFILE, "GetSettings")
    except SourceError:
        # Another user's profile can't be read; the offer then leaves more open.
        return None
    return settings if isinstance(settings, Mapping) else None


def _section(profile: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    section = None if profile is None else profile.get(name, {})
    return section if isinstance(section, Mapping) else None
