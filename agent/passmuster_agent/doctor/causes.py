"""Why a source refuses, and the step that mends it: a source and its surroundings in, words out.

Names of packages are Debian's; other distributions call most of them the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from passmuster_agent.doctor.surroundings import RootHelperState, Surroundings
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Source, SourceOutcome

ENABLE_HELPER = "sudo systemctl enable --now passmuster-agent-helper.socket"
ENABLE_FIREWALL = "sudo systemctl enable --now passmuster-agent-firewall.socket"
AS_SERVICE = "sudo -u passmuster-agent passmuster-agent doctor --state /var/lib/passmuster-agent"
ENABLE_COMPANION = "As that person: systemctl --user enable --now passmuster-companion.service"
RECORD = "Record this laptop and report it: passmuster-agent doctor --record DIR"

OF_ROOT = (
    "/etc/crypttab",
    "/etc/cryptsetup-keys.d",
    "/sbin/dmsetup",
    "/usr/sbin/dmsetup",
    "/sbin/cryptsetup",
    "/usr/sbin/cryptsetup",
    "fi.w1.wpa_supplicant1",
    "net.connman.iwd",
    "processes",
    "/proc",
)
"""Beginnings of what the root helper tells."""

RULES = frozenset({"nft", "iptables-save", "ip6tables-save", "ip_tables_names"})
"""Last parts of what shows firewall rules, of which a helper of its own tells the service."""

OF_PEOPLE = ("~", "/home/", "/run/user/", "companion", "session ")
"""Beginnings of what belongs to a person's session."""

WIFI_DAEMONS = ("fi.w1.wpa_supplicant1", "net.connman.iwd", "org.freedesktop.NetworkManager")

PACKAGES: Mapping[str, str] = {
    "cryptsetup": "cryptsetup-bin",
    "dmsetup": "dmsetup",
    "gsettings": "libglib2.0-bin",
    "xset": "x11-xserver-utils",
    "zfs": "zfsutils-linux",
    "zpool": "zfsutils-linux",
}


@dataclass(frozen=True)
class Advice:
    """Why, in a sentence, and what to do about it; `step` is empty where nothing can be done."""

    why: str
    step: str = ""


def explain(source: Source, around: Surroundings) -> Advice:
    """Return why a source that was not read refused."""
    if source.outcome is SourceOutcome.READ:
        return Advice("")
    if around.within:
        return Advice(
            f"The agent runs in {around.within} and sees that instead of the laptop.",
            "Install the agent on the laptop itself.",
        )
    if source.outcome is SourceOutcome.TIMEOUT:
        return _late(source, around)
    if source.outcome is SourceOutcome.CONFLICT:
        return Advice("What it says contradicts itself, another source or its own format.", RECORD)
    if around.platform is Platform.MACOS:
        return _on_macos(source, around)
    if around.platform is Platform.WINDOWS:
        return _on_windows(source, around)
    return (
        _denied(source, around)
        if source.outcome is SourceOutcome.DENIED
        else _missing(source, around)
    )


def _denied(source: Source, around: Surroundings) -> Advice:
    if source.name.startswith(OF_PEOPLE):
        return Advice(
            "It is a person's own, whom the service may not look at: the companion in that "
            "person's session tells it.",
            ENABLE_COMPANION,
        )
    if source.name.startswith(OF_ROOT):
        return _of_root(around)
    if source.name.rpartition("/")[2] in RULES and around.is_service:
        return Advice(
            "Only root may read the kernel's own rules, and the helper that tells them is not "
            "running.",
            ENABLE_FIREWALL,
        )
    if around.uid == 0:
        return Advice("Not even root may read it here: a security module forbids it.", RECORD)
    if around.is_service:
        return Advice("The agent's service may not read it.", RECORD)
    return Advice("You may not read it; the agent's service may be able to.", AS_SERVICE)


def _of_root(around: Surroundings) -> Advice:
    state = around.root_helper
    if state is RootHelperState.ABSENT:
        return Advice("Only root may read it, and the root helper is not running.", ENABLE_HELPER)
    if state is RootHelperState.CLOSED:
        return Advice("Only root may read it; the root helper answers the service.", AS_SERVICE)
    if state is RootHelperState.FAILS:
        return Advice(
            "Only root may read it, and the root helper failed.",
            "journalctl -u passmuster-agent-helper.service",
        )
    return Advice("Not even root may read it here: a security module forbids it.", RECORD)


def _missing(source: Source, around: Surroundings) -> Advice:
    program = source.name.rpartition("/")[2]
    if source.name.startswith("companion"):
        return Advice("No companion runs in that person's session.", ENABLE_COMPANION)
    if source.name.startswith("/") and "bin/" in source.name and program in PACKAGES:
        return Advice(
            f"The program {program} is not installed.", f"sudo apt install {PACKAGES[program]}"
        )
    if source.name.startswith(WIFI_DAEMONS):
        return Advice("It does not run here, or not for this interface; one of three is enough.")
    if source.name.startswith("/proc/2/"):
        return Advice(
            "The kernel's own processes are out of sight, as in a container.",
            "Install the agent on the laptop itself.",
        )
    if source.name.startswith(("org.", "system")):
        if not around.has_bus:
            return Advice(
                "There is no D-Bus system bus here.",
                "Start it: sudo systemctl start dbus.service (Debian's package: dbus)",
            )
        if source.name.startswith("org.freedesktop.login1"):
            return Advice(
                "systemd-logind, which knows who is logged in, does not tell it.",
                "sudo systemctl start systemd-logind.service"
                if around.has_systemd
                else "Passmuster needs a system with systemd-logind or elogind.",
            )
        return Advice("The program that would tell it does not run.")
    return Advice("This laptop has no such thing, or does not show it.")


def _late(source: Source, around: Surroundings) -> Advice:
    if source.name.startswith(OF_ROOT) and around.root_helper is RootHelperState.FAILS:
        return Advice(
            "The root helper did not answer in time.",
            "journalctl -u passmuster-agent-helper.service",
        )
    if source.name.startswith("org.") and around.has_systemd:
        return Advice(
            "It did not answer in time: it hangs, or this laptop is very busy.",
            "See what it does: systemctl status, and restart it.",
        )
    return Advice("It did not answer in time.", "Try again when this laptop is less busy.")


def _on_macos(source: Source, around: Surroundings) -> Advice:
    if source.outcome is SourceOutcome.MISSING:
        return Advice("This Mac has no such thing, or this version of macOS does not tell it.")
    if around.uid == 0:
        return Advice("macOS does not tell it to the agent.", RECORD)
    return Advice("Only root may read it.", "sudo passmuster-agent doctor")


def _on_windows(source: Source, around: Surroundings) -> Advice:
    if source.outcome is SourceOutcome.MISSING:
        return Advice("This computer has no such thing, or this Windows does not tell it.")
    if "wlan" in source.name.lower():
        return Advice(
            "From 24H2 on Windows tells of Wi-Fi only who may know the location.",
            "Settings, Privacy & security, Location (ms-settings:privacy-location): turn it on.",
        )
    if around.uid == 0:
        return Advice("Windows does not tell it to the agent.", RECORD)
    return Advice("Only an administrator may read it.", "Run this again from an elevated terminal.")
