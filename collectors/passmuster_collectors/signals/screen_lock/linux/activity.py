"""What a session's lock is doing at this moment: locked or not, held off or not.

Both are context for people. Only a desktop's own answer on the session bus is more than a hint, and
that bus answers nobody but its owner.
"""

from collections.abc import Mapping

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Bus, SourceConflictError, SourceError
from passmuster_collectors.signals.screen_lock.linux.desktop import Desktop
from passmuster_collectors.signals.screen_lock.linux.sessions import (
    LOGIN,
    MANAGER,
    MANAGER_PATH,
    Session,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

# Bus name and interface, object path.
SCREEN_SAVERS: Mapping[Desktop, tuple[str, str]] = {
    Desktop.GNOME: ("org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"),
    Desktop.KDE: ("org.freedesktop.ScreenSaver", "/ScreenSaver"),
    Desktop.CINNAMON: ("org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver"),
    Desktop.MATE: ("org.mate.ScreenSaver", "/org/mate/ScreenSaver"),
    Desktop.XFCE: ("org.xfce.ScreenSaver", "/org/xfce/ScreenSaver"),
}
# Bus name and interface, object path, method, its argument: a set of flags.
INHIBITIONS: Mapping[Desktop, tuple[str, str, str, int]] = {
    # GSM_INHIBITOR_FLAG_IDLE
    Desktop.GNOME: ("org.gnome.SessionManager", "/org/gnome/SessionManager", "IsInhibited", 8),
    Desktop.CINNAMON: ("org.gnome.SessionManager", "/org/gnome/SessionManager", "IsInhibited", 8),
    Desktop.MATE: ("org.gnome.SessionManager", "/org/gnome/SessionManager", "IsInhibited", 8),
    # InterruptSession and ChangeScreenSettings, as kscreenlocker itself asks
    Desktop.KDE: (
        "org.kde.Solid.PowerManagement.PolicyAgent",
        "/org/kde/Solid/PowerManagement/PolicyAgent",
        "HasInhibition",
        5,
    ),
}
# These tell logind when they lock and unlock. Others often never do: for them "not locked" says
# nothing.
TELL_LOGIND = frozenset({Desktop.GNOME, Desktop.KDE})


def is_locked(host: Witness, session: Session, desktop: Desktop | None) -> bool | Unknown:
    """Return whether the session is locked now."""
    hint = session.locked
    if hint is False and desktop not in TELL_LOGIND:
        hint = None
    active = _screen_saver_is_active(host, session, desktop)
    if hint is True and active is False:
        host.note(SourceConflictError("LockedHint", "the desktop says it is not locked"))
        return UNKNOWN
    if desktop is Desktop.GNOME and hint is not None:
        return hint  # its screen saver is active before it locks, and without locking too
    answer = hint if active is None else active
    return UNKNOWN if answer is None else answer


def is_inhibited(host: Witness, session: Session, desktop: Desktop | None) -> bool | Unknown:
    """Return whether a program keeps the session from locking by itself."""
    if desktop is not None and desktop in INHIBITIONS:
        return _desktop_inhibits(host, session, *INHIBITIONS[desktop])
    if desktop is None or desktop in SCREEN_SAVERS:
        return UNKNOWN
    # Idle daemons of bare window managers go by logind's inhibitors.
    try:
        (held,) = host.bus_call(Bus.SYSTEM, LOGIN, MANAGER_PATH, MANAGER, "ListInhibitors")
        modes = [mode for what, _who, _why, mode, *_ in held if "idle" in what.split(":")]
        return any(mode.startswith("block") for mode in modes)
    except SourceError:
        return UNKNOWN
    except (AttributeError, TypeError, ValueError):
        host.note(SourceConflictError(f"{LOGIN} {MANAGER}.ListInhibitors", "not a list"))
        return UNKNOWN


def _screen_saver_is_active(
    host: Witness, session: Session, desktop: Desktop | None
) -> bool | None:
    if desktop is None or desktop not in SCREEN_SAVERS or host.uid != session.uid:
        return None
    name, path = SCREEN_SAVERS[desktop]
    try:
        answer = host.bus_call(Bus.SESSION, name, path, name, "GetActive")
    except SourceError:
        return None
    return answer[0] if len(answer) == 1 and isinstance(answer[0], bool) else None


def _desktop_inhibits(
    host: Witness, session: Session, name: str, path: str, method: str, flags: int
) -> bool | Unknown:
    if host.uid != session.uid:
        return UNKNOWN
    try:
        answer = host.bus_call(Bus.SESSION, name, path, name, method, "u", (flags,))
    except SourceError:
        return UNKNOWN
    return answer[0] if len(answer) == 1 and isinstance(answer[0], bool) else UNKNOWN
