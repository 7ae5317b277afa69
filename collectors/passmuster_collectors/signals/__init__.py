"""The signals: one room each, and the catalog that names them all."""

from typing import Any

from passmuster_collectors.signals import (
    automatic_login,
    disk_encryption,
    firewall,
    idle_logoff,
    remote_access,
    screen_lock,
    secure_boot,
    system_updates,
    usb_devices,
    wifi_security,
)
from passmuster_collectors.signals.signal import Signal

CATALOG: tuple[Signal[Any, Any], ...] = (
    disk_encryption.SIGNAL,
    wifi_security.SIGNAL,
    screen_lock.SIGNAL,
    usb_devices.SIGNAL,
    idle_logoff.SIGNAL,
    automatic_login.SIGNAL,
    firewall.SIGNAL,
    system_updates.SIGNAL,
    remote_access.SIGNAL,
    secure_boot.SIGNAL,
)
"""Every signal there is, in the order in which people are shown them."""

_BY_ID = {signal.id: signal for signal in CATALOG}


def signal_by_id(name: str) -> Signal[Any, Any]:
    """Return the signal with that id; `KeyError` where there is none."""
    return _BY_ID[name]
