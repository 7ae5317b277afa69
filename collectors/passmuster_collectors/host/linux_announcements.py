"""Which signals of which services tell that something changed.

Only those that matter: a Wi-Fi scan alone makes dozens of others, and each would be read after.
"""

from dataclasses import dataclass

PROPERTIES = "org.freedesktop.DBus.Properties"
LOGIND = "org.freedesktop.login1"
NETWORK_MANAGER = "org.freedesktop.NetworkManager"
IWD = "net.connman.iwd"
WPA_SUPPLICANT = "fi.w1.wpa_supplicant1"


@dataclass(frozen=True)
class Announcement:
    """Signals of `interface`: those called one of `members`, or all."""

    interface: str
    members: frozenset[str] = frozenset()

    def rule(self) -> str:
        """Return the rest of a match rule."""
        member = f",member='{next(iter(self.members))}'" if len(self.members) == 1 else ""
        return f"interface='{self.interface}'{member}"


@dataclass(frozen=True)
class Changed:
    """Changes of one of `properties` of `interface`, told with the new value or without."""

    interface: str
    properties: frozenset[str]

    def rule(self) -> str:
        """Return the rest of a match rule."""
        return f"interface='{PROPERTIES}',member='PropertiesChanged',arg0='{self.interface}'"


SERVICES: dict[str, tuple[Announcement | Changed, ...]] = {
    # The manual page org.freedesktop.login1(5).
    LOGIND: (
        Announcement(f"{LOGIND}.Manager"),
        Announcement(f"{LOGIND}.Session", frozenset({"Lock", "Unlock"})),
        Changed(
            f"{LOGIND}.Session",
            frozenset({"LockedHint", "IdleHint", "IdleSinceHint", "Active", "State", "Type"}),
        ),
        Changed(
            f"{LOGIND}.Manager",
            frozenset({"IdleAction", "IdleActionUSec", "StopIdleSessionUSec", "BlockInhibited"}),
        ),
    ),
    # https://networkmanager.dev/docs/api/latest/spec.html
    NETWORK_MANAGER: (
        Announcement(f"{NETWORK_MANAGER}.Device", frozenset({"StateChanged"})),
        Announcement(f"{NETWORK_MANAGER}.Connection.Active", frozenset({"StateChanged"})),
        Announcement(f"{NETWORK_MANAGER}.VPN.Connection", frozenset({"VpnStateChanged"})),
        Announcement(f"{NETWORK_MANAGER}.Settings.Connection", frozenset({"Updated"})),
        Changed(
            NETWORK_MANAGER,
            frozenset({"ActiveConnections", "PrimaryConnection", "WirelessEnabled", "State"}),
        ),
        Changed(f"{NETWORK_MANAGER}.Device.Wireless", frozenset({"ActiveAccessPoint", "Mode"})),
    ),
    # doc/station-api.txt and doc/device-api.txt of iwd
    IWD: (
        Changed(f"{IWD}.Station", frozenset({"State", "ConnectedNetwork", "ConnectedAccessPoint"})),
        Changed(f"{IWD}.Device", frozenset({"Powered", "Mode"})),
    ),
    # https://w1.fi/wpa_supplicant/devel/dbus.html
    WPA_SUPPLICANT: (
        Announcement(WPA_SUPPLICANT, frozenset({"InterfaceAdded", "InterfaceRemoved"})),
        Changed(
            f"{WPA_SUPPLICANT}.Interface",
            frozenset({"State", "CurrentBSS", "CurrentNetwork", "CurrentAuthMode"}),
        ),
    ),
}

IN_A_SESSION: dict[str, tuple[Announcement | Changed, ...]] = {
    # js/ui/screenShield of GNOME Shell, and the screen savers that came after it
    **{
        name: (Announcement(name, frozenset({"ActiveChanged"})),)
        for name in (
            "org.gnome.ScreenSaver",
            "org.freedesktop.ScreenSaver",
            "org.cinnamon.ScreenSaver",
            "org.mate.ScreenSaver",
            "org.xfce.ScreenSaver",
        )
    },
    # org.gnome.SessionManager.xml of gnome-session
    "org.gnome.SessionManager": (
        Announcement("org.gnome.SessionManager", frozenset({"InhibitorAdded", "InhibitorRemoved"})),
    ),
    # org.kde.Solid.PowerManagement.PolicyAgent.xml of powerdevil
    "org.kde.Solid.PowerManagement.PolicyAgent": (
        Announcement(
            "org.kde.Solid.PowerManagement.PolicyAgent", frozenset({"InhibitionsChanged"})
        ),
    ),
    # service/writer.c of dconf; xfconf-gdbus.xml of xfconf
    "ca.desrt.dconf": (Announcement("ca.desrt.dconf.Writer", frozenset({"Notify"})),),
    "org.xfce.Xfconf": (
        Announcement("org.xfce.Xfconf", frozenset({"PropertyChanged", "PropertyRemoved"})),
    ),
}
"""What desktops announce on the bus of a session."""
