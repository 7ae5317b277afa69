"""How the operating system says that something changed, so that nobody has to keep asking."""

import sys
from dataclasses import dataclass
from typing import Protocol

from passmuster_collectors.host.answers import UsbSighting

ROUTE = "route"
"""The trigger for links, addresses and routes."""

MOUNT = "mount"
"""The trigger for what is mounted and what is swapped to."""

SETTINGS = "settings"
"""The trigger for files that say when screens lock and idle shells end."""

PROCESS = "process"
"""The trigger for programs that start and end; no system tells those to an unprivileged process."""

PACKAGES = "packages"
"""The trigger for programs that are installed and updated. Nothing tells those, and counting what
is missing is slow: every full check is often enough, so they are not polled in between."""

RESUME = "resume"
"""This laptop was asleep and is awake again."""

NEVER = float("inf")


COMPANION_SPOKE = "org.passmuster.companion"
"""The trigger for a companion that came, left, or noticed a change in its session."""


@dataclass(frozen=True)
class Events:
    """What happened since the last look.

    `triggers` are names that signals declare: a kernel subsystem (`usb`, `block`, `net`), a name on
    the system bus (`org.freedesktop.login1`), or one of those above. `lost` means that some of it
    was missed, so anything may have changed. `sightings` are what was told of USB devices, which
    may be gone by the time anybody looks.
    """

    triggers: frozenset[str] = frozenset()
    lost: bool = False
    sightings: tuple[UsbSighting, ...] = ()

    def __bool__(self) -> bool:
        return self.lost or bool(self.triggers)


class Watch(Protocol):
    """An open ear for events."""

    def descriptors(self) -> tuple[int, ...]:
        """Return the file descriptors that become readable when there are events."""

    def read(self) -> Events:
        """Return what has arrived, without waiting."""

    def delivers(self, trigger: str) -> bool:
        """Whether events of that name arrive at present; what does not has to be polled."""

    def next_at(self) -> float:
        """Return when to read at the latest, in seconds since boot, whether readable or not."""

    def close(self) -> None:
        """Stop listening."""


class Watches:
    """Several watches as one; none at all is a system that says nothing, where all is polled."""

    def __init__(self, *parts: Watch) -> None:
        self._parts = parts

    def descriptors(self) -> tuple[int, ...]:
        """Return those of all parts."""
        return tuple(each for part in self._parts for each in part.descriptors())

    def read(self) -> Events:
        """Return what all parts have heard."""
        heard = [part.read() for part in self._parts]
        triggers = frozenset[str]().union(*(each.triggers for each in heard))
        sightings = tuple(sighting for each in heard for sighting in each.sightings)
        return Events(triggers, any(each.lost for each in heard), sightings)

    def delivers(self, trigger: str) -> bool:
        """Whether one of them does."""
        return any(part.delivers(trigger) for part in self._parts)

    def next_at(self) -> float:
        """Return the earliest time of all parts."""
        return min((part.next_at() for part in self._parts), default=NEVER)

    def close(self) -> None:
        """Close all."""
        for part in self._parts:
            part.close()


def this_watch() -> Watch:
    """Open what this system has; never fails, since polling always works."""
    if sys.platform == "linux":
        from passmuster_collectors.host import (  # noqa: PLC0415 - Linux alone has them
            linux_bus_watch,
            linux_clock_watch,
            linux_events,
            linux_mounts,
            linux_settings_watch,
        )

        return Watches(
            linux_events.NetlinkWatch(),
            linux_mounts.MountWatch(),
            linux_bus_watch.BusWatch(),
            linux_settings_watch.SettingsWatch(),
            linux_clock_watch.ClockWatch(),
        )
    if sys.platform == "win32":
        from passmuster_collectors.host import windows_watch  # noqa: PLC0415 - Windows alone

        return windows_watch.windows_watch()
    if sys.platform == "darwin":
        from passmuster_collectors.host import macos_watch  # noqa: PLC0415 - macOS alone has it

        return macos_watch.macos_watch()
    return Watches()


def session_watch() -> Watch:
    """Open what tells of changes in the session of the user who runs this process."""
    if sys.platform == "linux":
        from passmuster_collectors.host import (  # noqa: PLC0415 - Linux alone has them
            linux_announcements,
            linux_bus_address,
            linux_bus_watch,
            linux_settings_watch,
        )

        logind = linux_announcements.LOGIND
        return Watches(
            linux_bus_watch.BusWatch({logind: linux_announcements.SERVICES[logind]}),
            linux_bus_watch.BusWatch(
                linux_announcements.IN_A_SESSION, linux_bus_address.session_bus_address
            ),
            linux_settings_watch.SettingsWatch(),
        )
    return Watches()
