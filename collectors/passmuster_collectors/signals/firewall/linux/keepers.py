"""What the programs that keep a firewall say of it, where the kernel's rules may not be read.

firewalld: firewalld.dbus(5). A zone whose target is ACCEPT lets everything in, all others refuse
what they do not name. ufw: ufw(8), `/etc/ufw/ufw.conf` and `/etc/default/ufw`, and whether systemd
has started it.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from passmuster_collectors.host.base import Bus, Host, SourceConflictError, SourceMissingError
from passmuster_collectors.signals.firewall.facts import Inbound
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.text import key_value

FIREWALLD = "org.fedoraproject.FirewallD1"
FIREWALLD_PATH = "/org/fedoraproject/FirewallD1"
ZONES = "org.fedoraproject.FirewallD1.zone"
TARGETS: Mapping[str, Inbound] = {
    "default": Inbound.BLOCKED,
    "%%REJECT%%": Inbound.BLOCKED,
    "DROP": Inbound.BLOCKED,
    "ACCEPT": Inbound.OPEN,
}

UFW = "/etc/ufw/ufw.conf"
UFW_DEFAULTS = "/etc/default/ufw"
SYSTEMD = "org.freedesktop.systemd1"
UFW_UNIT = "/org/freedesktop/systemd1/unit/ufw_2eservice"
REFUSES = frozenset({"DROP", "REJECT"})

NO_IDEA = (Inbound.UNKNOWN, Inbound.UNKNOWN)


def ask_keepers(host: Host, inquiry: Inquiry) -> tuple[Inbound, Inbound]:
    """Return what the keepers say of IPv4 and IPv6. Nobody's word is no word that it is open."""
    said = inquiry.ask(FIREWALLD, partial(_firewalld, host), otherwise=NO_IDEA)
    if said != NO_IDEA:
        return said
    return inquiry.ask(UFW, partial(_ufw, host), otherwise=NO_IDEA)


def _firewalld(host: Host) -> tuple[Inbound, Inbound]:
    state = host.bus_get(Bus.SYSTEM, FIREWALLD, FIREWALLD_PATH, FIREWALLD, "state")
    if state != "RUNNING":
        raise SourceConflictError(FIREWALLD, "does not run")
    (default,) = host.bus_call(Bus.SYSTEM, FIREWALLD, FIREWALLD_PATH, FIREWALLD, "getDefaultZone")
    (active,) = host.bus_call(Bus.SYSTEM, FIREWALLD, FIREWALLD_PATH, ZONES, "getActiveZones")
    if not isinstance(default, str) or not isinstance(active, dict):
        raise SourceConflictError(FIREWALLD, "not a list of zones")
    answers = {_zone(host, zone) for zone in (default, *active)}
    # One open zone may be a virtual machine's own network: then only the kernel's rules can tell.
    return NO_IDEA if len(answers) != 1 else (answers.pop(),) * 2


def _zone(host: Host, zone: str) -> Inbound:
    (settings,) = host.bus_call(
        Bus.SYSTEM, FIREWALLD, FIREWALLD_PATH, ZONES, "getZoneSettings2", "s", (zone,)
    )
    target: Any = settings.get("target") if isinstance(settings, dict) else None
    if target not in TARGETS:
        raise SourceConflictError(FIREWALLD, "a zone without a known target")
    return TARGETS[target]


def _ufw(host: Host) -> tuple[Inbound, Inbound]:
    if key_value.parse(host.read_file(UFW)).get("ENABLED") != "yes":
        raise SourceMissingError(UFW, "not switched on")
    state = host.bus_get(
        Bus.SYSTEM, SYSTEMD, UFW_UNIT, "org.freedesktop.systemd1.Unit", "ActiveState"
    )
    defaults = key_value.parse(host.read_file(UFW_DEFAULTS))
    policy = defaults.get("DEFAULT_INPUT_POLICY")
    if state != "active" or policy not in {*REFUSES, "ACCEPT"}:
        raise SourceConflictError(UFW, "switched on, and not started or without a policy")
    ipv4 = Inbound.BLOCKED if policy in REFUSES else Inbound.OPEN
    return ipv4, ipv4 if defaults.get("IPV6") == "yes" else Inbound.UNKNOWN
