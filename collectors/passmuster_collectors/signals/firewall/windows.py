r"""The firewall on Windows: every network profile's own settings, and whether its service runs.

[MS-GPFAS], section 2.2.2: `EnableFirewall`, and `DefaultInboundAction` (1 blocks, 0 lets
everybody in), both under `HKLM\…\FirewallPolicy`; policies of the same names count before them. One
profile that is open counts: a laptop comes into every kind of network.
"""

from functools import partial

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.firewall.facts import FirewallFacts, Inbound
from passmuster_collectors.signals.inquiry import Inquiry

SIGNAL = "firewall"

POLICY = r"SOFTWARE\Policies\Microsoft\WindowsFirewall"
SETTINGS = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
PROFILES = {
    "DomainProfile": ("DomainProfile",),
    "StandardProfile": ("PrivateProfile", "StandardProfile"),
    "PublicProfile": ("PublicProfile",),
}
"""What each profile is called in the settings, and what in newer and older policies."""

SERVICE = r"SYSTEM\CurrentControlSet\Services\mpssvc"
DISABLED = 4
"""SERVICE_DISABLED, winnt.h."""

NOT_TOLD = "Windows does not tell whether its firewall is on."


def read(host: Host) -> Reading:
    """Return what becomes of a stranger's connection; it is the same for both protocols."""
    inquiry = Inquiry()
    answers = [
        inquiry.ask(rf"{Hive.LOCAL_MACHINE}\{SERVICE}", partial(_service, host)),
        *(
            inquiry.ask(rf"{Hive.LOCAL_MACHINE}\{SETTINGS}\{name}", partial(_profile, host, name))
            for name in PROFILES
        ),
    ]
    if Inbound.OPEN in answers:
        facts = FirewallFacts(Inbound.OPEN, Inbound.OPEN)
        return ok(SIGNAL, host.now(), facts, inquiry.sources)
    if None in answers:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    facts = FirewallFacts(Inbound.BLOCKED, Inbound.BLOCKED)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _service(host: Host) -> Inbound:
    start = registry_settings.number(host, Hive.LOCAL_MACHINE, SERVICE, "Start")
    if start is None:
        raise SourceMissingError(SERVICE)
    return Inbound.OPEN if start == DISABLED else Inbound.BLOCKED


def _profile(host: Host, name: str) -> Inbound:
    enabled = _setting(host, name, "EnableFirewall")
    if enabled is None:
        raise SourceMissingError(rf"{SETTINGS}\{name}")
    # As installed nothing is said of it, and strangers are blocked.
    action = _setting(host, name, "DefaultInboundAction")
    return Inbound.BLOCKED if enabled and action in (None, 1) else Inbound.OPEN


def _setting(host: Host, profile: str, name: str) -> int | None:
    policies = [rf"{POLICY}\{policy}" for policy in PROFILES[profile]]
    for key in (*policies, rf"{SETTINGS}\{profile}"):
        value = registry_settings.number(host, Hive.LOCAL_MACHINE, key, name)
        if value is not None:
            return value
    return None
