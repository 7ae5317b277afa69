"""Readings of a healthy laptop, and the same with one thing wrong: what tests of a server report.

The only place outside the rooms that knows the signals' facts by hand; a signal that is not here is
reported as not applicable.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.reading import (
    Reading,
    Source,
    SourceOutcome,
    Status,
    not_applicable,
)
from passmuster_collectors.signals import CATALOG
from passmuster_collectors.signals.automatic_login.facts import (
    AutomaticLoginFacts,
    Login,
    LoginProgram,
)
from passmuster_collectors.signals.disk_encryption.facts import (
    DiskEncryptionFacts,
    Method,
    Role,
    State,
    Volume,
)
from passmuster_collectors.signals.firewall.facts import FirewallFacts, Inbound
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.secure_boot.facts import (
    Firmware,
    Lockdown,
    Mode,
    SecureBootFacts,
)
from passmuster_collectors.signals.system_updates.facts import SystemUpdatesFacts
from passmuster_collectors.signals.usb_devices.facts import Location, UsbDevice, UsbDevicesFacts
from passmuster_collectors.signals.wifi_security.facts import (
    Security,
    WifiSecurityFacts,
    WirelessInterface,
)

USB = "usb_devices"

MOUSE = UsbDevice(
    vendor_id="046d",
    product_id="c077",
    name="Optical Mouse",
    serial=None,
    interfaces=("030102",),
    location=Location.EXTERNAL,
    keyboard=False,
    storage=False,
    network=False,
    indicators=(),
    attached_at=None,
)
STICK = UsbDevice(
    vendor_id="0781",
    product_id="5581",
    name="Ultra",
    serial="5f1c",
    interfaces=("080650",),
    location=Location.EXTERNAL,
    keyboard=False,
    storage=True,
    network=False,
    indicators=(),
    attached_at=None,
)

HEALTHY: Mapping[str, Any] = {
    "disk_encryption": DiskEncryptionFacts(
        (
            Volume("/", Role.SYSTEM, State.ENCRYPTED, Method.LUKS2),
            Volume("/home", Role.HOME, State.ENCRYPTED, Method.LUKS2),
        )
    ),
    "wifi_security": WifiSecurityFacts(
        (
            WirelessInterface(
                name="wlp2s0",
                connected=True,
                security=Security.WPA3_PERSONAL,
                weak_cipher=False,
                default_route=True,
                network="9b0f3a1c",
            ),
        ),
        vpn=False,
        wired=False,
    ),
    "screen_lock": ScreenLockFacts((LockSession("gnome", 300, 0, False, False, False),)),
    USB: UsbDevicesFacts((MOUSE,)),
    "idle_logoff": IdleLogoffFacts((Mechanism(Kind.LOCK, 300, Coverage.GRAPHICAL, False),)),
    "automatic_login": AutomaticLoginFacts((Login(LoginProgram.GDM, automatic=False),)),
    "firewall": FirewallFacts(Inbound.BLOCKED, Inbound.BLOCKED),
    "system_updates": SystemUpdatesFacts(
        "debian", "13", None, "2026-03", 0, 0, restart_needed=False
    ),
    "remote_access": RemoteAccessFacts((), ()),
    "secure_boot": SecureBootFacts(Firmware.UEFI, Mode.ENFORCED, Lockdown.INTEGRITY),
}

READ = (Source("/sys/example", SourceOutcome.READ),)


def reading(signal: str, facts: Any, at: datetime | None = None) -> Reading:
    """Return a reading in which everything was read."""
    moment = at or datetime.now(UTC)
    return Reading(signal, Status.OK, "", codec.encode(facts), READ, moment)


def healthy(at: datetime | None = None) -> tuple[Reading, ...]:
    """Return the readings of a laptop that passes the default policy."""
    moment = at or datetime.now(UTC)
    return tuple(
        reading(signal.id, HEALTHY[signal.id], moment)
        if signal.id in HEALTHY
        else not_applicable(signal.id, moment, "This laptop has no such thing.", READ)
        for signal in CATALOG
    )


def with_stick(at: datetime | None = None) -> tuple[Reading, ...]:
    """Return the same with an unknown USB stick plugged in, which the default policy refuses."""
    return replaced(healthy(at), reading(USB, UsbDevicesFacts((MOUSE, STICK)), at))


def replaced(readings: tuple[Reading, ...], other: Reading) -> tuple[Reading, ...]:
    """Return the readings with the one of the same signal exchanged."""
    return tuple(other if each.signal == other.signal else each for each in readings)
