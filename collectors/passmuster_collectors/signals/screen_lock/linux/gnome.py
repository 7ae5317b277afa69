"""GNOME: GNOME Shell locks the screen itself.

It goes idle `idle-delay` seconds after the last input (0: never) and locks `lock-delay` seconds
later (org.gnome.desktop.session, org.gnome.desktop.screensaver). `disable-lock-screen`
(org.gnome.desktop.lockdown) makes every lock do nothing. `idle-activation-enabled` is deprecated
and ignored by GNOME Shell, so it is not read. The screen fades for ten seconds first, which are
not counted: a touch of the mouse then still ends it.

GNOME Shell has no lock at all unless GDM runs (`canLock` in its loginManager.js).
"""

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Bus, SourceError, SourceMissingError
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import (
    LockSetting,
    Seconds,
    all_of,
)
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.settings import Settings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

SESSION = "org.gnome.desktop.session"
SCREENSAVER = "org.gnome.desktop.screensaver"
LOCKDOWN = "org.gnome.desktop.lockdown"

GOVERNING = (
    (SESSION, "idle-delay"),
    (SCREENSAVER, "lock-enabled"),
    (SCREENSAVER, "lock-delay"),
    (LOCKDOWN, "disable-lock-screen"),
)


def open_settings(host: Witness, session: Session, surroundings: Surroundings) -> Settings:
    """Return the owner's GSettings, as a GNOME session sees them. Raises `SourceError`."""
    desktop = "ubuntu:GNOME" if session.desktop.startswith("ubuntu") else "GNOME"
    return Settings(host, session.uid, surroundings, desktop)


def read(host: Witness, session: Session, surroundings: Surroundings) -> LockSetting:
    """Return how a GNOME session locks. Raises `SourceError`."""
    settings = open_settings(host, session, surroundings)
    idle_delay = settings.number(SESSION, "idle-delay")
    lock_delay = settings.number(SCREENSAVER, "lock-delay")
    may_lock = (
        settings.flag(SCREENSAVER, "lock-enabled")
        and not settings.flag(LOCKDOWN, "disable-lock-screen")
        and has_lock_screen(host, session)
    )
    return parse(
        idle_delay,
        lock_delay,
        may_lock=may_lock,
        enforced=all(settings.locked(schema, key) for schema, key in GOVERNING),
        on_sleep=all_of((may_lock, _locks_on_suspend(settings))),
    )


def parse(
    idle_delay: int,
    lock_delay: int,
    *,
    may_lock: bool,
    enforced: bool,
    on_sleep: bool | Unknown,
) -> LockSetting:
    """Return how a session with these settings locks."""
    idle_after: Seconds = idle_delay or None
    return LockSetting(
        lock_after_s=idle_delay + lock_delay if may_lock and idle_delay else None,
        grace_s=lock_delay,
        enforced=enforced,
        on_sleep=on_sleep,
        idle_after_s=idle_after,
    )


def has_lock_screen(host: Witness, session: Session) -> bool:
    """Whether GDM is there, without which GNOME Shell can't lock. Raises `SourceError`."""
    if session.service.startswith("gdm"):
        return True
    try:
        host.bus_get(
            Bus.SYSTEM,
            "org.gnome.DisplayManager",
            "/org/gnome/DisplayManager/Manager",
            "org.gnome.DisplayManager.Manager",
            "Version",
        )
    except SourceMissingError:
        return False
    return True


def _locks_on_suspend(settings: Settings) -> bool | Unknown:
    # Ubuntu's own key; elsewhere GNOME always locks before sleep when locking is on.
    try:
        return settings.flag_if_known(SCREENSAVER, "ubuntu-lock-on-suspend") is not False
    except SourceError:
        return UNKNOWN
