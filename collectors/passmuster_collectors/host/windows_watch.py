"""What Windows announces to any process: devices, networks and settings.

Sessions, locks and sleep are announced to services alone: the service adds a watch for those.
"""

import contextlib

from passmuster_collectors.host import windows_notifications, windows_settings_watch
from passmuster_collectors.host.dll import Function, Functions, load
from passmuster_collectors.host.events import SETTINGS, Events, Watch
from passmuster_collectors.host.told_watch import ToldWatch


class WindowsWatch:
    """All announcements of this computer; what can't be had is left out and polled."""

    def __init__(self, notifying: Functions, settings: Functions) -> None:
        self._told = ToldWatch(())
        self._notifications = windows_notifications.Notifications(notifying, self._told.tell)
        self._settings: windows_settings_watch.SettingsThread | None = None
        with contextlib.suppress(OSError):
            # Without an event to wait for, settings are polled.
            self._settings = windows_settings_watch.SettingsThread(settings, self._told.tell)

    def descriptors(self) -> tuple[int, ...]:
        """Return the socket that becomes readable when something was announced."""
        return self._told.descriptors()

    def read(self) -> Events:
        """Return what was announced since the last time."""
        return self._told.read()

    def delivers(self, trigger: str) -> bool:
        """Whether Windows accepted the registration for it."""
        if trigger == SETTINGS:
            return self._settings is not None and self._settings.is_working()
        return trigger in self._notifications.delivered

    def next_at(self) -> float:
        """Return never: whatever is announced makes the socket readable."""
        return self._told.next_at()

    def close(self) -> None:
        """End the registrations, then the socket that they write to."""
        self._notifications.close()
        if self._settings is not None:
            self._settings.close()
        self._told.close()


def windows_watch() -> Watch:
    """Open it; what would be announced by a function that this Windows lacks is polled."""
    return WindowsWatch(
        {
            **_present(windows_notifications.DEVICE_FUNCTIONS),
            **_present(windows_notifications.NETWORK_FUNCTIONS),
        },
        _present(windows_settings_watch.FUNCTIONS),
    )


def _present(wanted: tuple[Function, ...]) -> Functions:
    try:
        return load(*wanted)
    except OSError:
        return {}
