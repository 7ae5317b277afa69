"""Whether this system keeps out new USB devices until somebody allows them.

The kernel's own lock is `authorized_default` of each controller
(Documentation/usb/authorization.rst); USBGuard sets it and decides over every device that comes
(`org.usbguard1`, usbguard-dbus(8)). Both are a control beside the list of devices: they are told,
and nothing of the list depends on them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.base import Bus, Host, SourceError, SourceMissingError

DEVICES = "/sys/bus/usb/devices"
CONTROLLER = re.compile(r"usb\d+")
DEFAULT = re.compile(rb"(-?\d)\n?")
LETS_IN = frozenset({b"1", b"-1"})
"""0 lets no device in, 2 the built-in ones; -1 is the old word for all but wireless ones."""

DAEMON_BUS = "org.freedesktop.DBus"
USBGUARD = "org.usbguard1"
USBGUARD_SETTINGS = "/etc/usbguard"
"""Where it is not installed, nobody needs to be asked."""

USBGUARD_PATH = "/org/usbguard1"
TARGET = "ImplicitPolicyTarget"
TARGETS = {"block": True, "reject": True, "allow": False}


@dataclass(frozen=True)
class Blocking:
    """The answer, and the sources that were asked beside the device tree."""

    answer: bool | Unknown | None
    sources: tuple[Source, ...]


def new_devices_blocked(host: Host, names: Iterable[str]) -> Blocking:
    """Return whether a device that is plugged in now has to wait for somebody's leave."""
    by_kernel = _by_kernel(host, names)
    if by_kernel is True:
        return Blocking(True, ())
    by_daemon, sources = _by_usbguard(host)
    if by_daemon is True:
        return Blocking(True, sources)
    return Blocking(UNKNOWN if UNKNOWN in (by_kernel, by_daemon) else by_kernel, sources)


def _by_kernel(host: Host, names: Iterable[str]) -> bool | Unknown | None:
    answers: set[bool | Unknown] = set()
    for name in filter(CONTROLLER.fullmatch, names):
        try:
            content = host.read_file(f"{DEVICES}/{name}/authorized_default", limit=64)
        except SourceMissingError:
            continue
        except SourceError:
            answers.add(UNKNOWN)
            continue
        found = DEFAULT.fullmatch(content)
        answers.add(UNKNOWN if found is None else found[1] not in LETS_IN)
    if not answers:
        return None
    # One controller that lets everything in is a way in.
    return False if False in answers else UNKNOWN if UNKNOWN in answers else True


def _by_usbguard(host: Host) -> tuple[bool | Unknown | None, tuple[Source, ...]]:
    """Return USBGuard's policy; nothing where it does not run. It is never started by asking."""
    try:
        host.resolve(USBGUARD_SETTINGS)
        (runs,) = host.bus_call(
            Bus.SYSTEM,
            DAEMON_BUS,
            "/org/freedesktop/DBus",
            DAEMON_BUS,
            "NameHasOwner",
            "s",
            (USBGUARD,),
        )
        if runs is not True:
            return None, ()
        (target,) = host.bus_call(
            Bus.SYSTEM, USBGUARD, USBGUARD_PATH, USBGUARD, "getParameter", "s", (TARGET,)
        )
    except SourceMissingError:
        return None, ()
    except SourceError as error:
        return UNKNOWN, (Source(USBGUARD, error.outcome, error.detail),)
    detail = f"{TARGET}={target}" if target in TARGETS else ""
    return TARGETS.get(str(target), UNKNOWN), (Source(USBGUARD, SourceOutcome.READ, detail),)
