"""How each open session is set to lock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.screen_lock.linux import cinnamon, gnome, kde, lockers, mate
from passmuster_collectors.signals.screen_lock.linux.desktop import Desktop, identify
from passmuster_collectors.signals.screen_lock.linux.environment import (
    Surroundings,
    read_surroundings,
)
from passmuster_collectors.signals.screen_lock.linux.lock_setting import UNREAD, LockSetting
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

DesktopReader = Callable[[Witness, Session, Surroundings], LockSetting]

READERS: Mapping[Desktop, DesktopReader] = {
    Desktop.GNOME: gnome.read,
    Desktop.KDE: kde.read,
    Desktop.CINNAMON: cinnamon.read,
    Desktop.MATE: mate.read,
}


@dataclass(frozen=True)
class SessionLock:
    """A graphical session, the desktop it runs and how that locks.

    `surroundings` are None without an account for the session's owner. `refusal` is why the lock
    could not be read; None where it was, or where the desktop is one that can't be read.
    """

    session: Session
    desktop_name: str
    desktop: Desktop | None
    setting: LockSetting
    surroundings: Surroundings | None = None
    refusal: SourceError | None = None


def read_lock(host: Witness, session: Session) -> SessionLock:
    """Return how a graphical session is set to lock. Never raises: what fails is unread."""
    try:
        surroundings = read_surroundings(host, session)
    except SourceError as error:
        return SessionLock(session, "unknown", None, UNREAD, None, error)
    name, desktop = identify(session, surroundings)
    reader = READERS.get(desktop) if desktop is not None else None
    try:
        if reader is None:
            return _by_lockers(host, session, name, desktop, surroundings)
        setting = reader(host, session, surroundings)
    except SourceError as error:
        host.note(error)
        return SessionLock(session, name, desktop, UNREAD, surroundings, error)
    return SessionLock(session, name, desktop, setting, surroundings)


def _by_lockers(
    host: Witness, session: Session, name: str, desktop: Desktop | None, surroundings: Surroundings
) -> SessionLock:
    found = lockers.read(host, session, surroundings)
    setting = found.setting
    if not found.any_running and desktop is None:
        setting = UNREAD  # it may well have a lock of its own
    refusal = found.refusal if setting.lock_after_s == UNKNOWN else None
    return SessionLock(session, name, desktop, setting, surroundings, refusal)
