"""Programs that lock the screen of desktops that have no lock of their own.

Only a program that runs counts: settings of one that does not run lock nothing. Each one that can
be read locks for sure, so the earliest counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.screen_lock.linux import (
    hypridle,
    swayidle,
    xautolock,
    xfce,
    xscreensaver,
    xss_lock,
)
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import (
    UNREAD,
    LockSetting,
    earliest,
)
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

LockerReader = Callable[[Witness, Process, Surroundings], LockSetting]

READERS: Mapping[str, LockerReader] = {
    "hypridle": hypridle.read,
    "swayidle": swayidle.read,
    "xautolock": xautolock.read,
    "xfce4-screensaver": xfce.read,
    "xscreensaver": xscreensaver.read,
    "xss-lock": xss_lock.read,
}
UNREADABLE = frozenset(
    {
        "budgie-screensaver",
        "cosmic-idle",
        "gnome-screensaver",
        "light-locker",
        "mate-screensaver",
        "stasis",
        "ukui-screensaver",
        "wayidle",
        "xidlehook",
    }
)
"""Programs that may lock, after a time that is not read."""

NEVER = LockSetting(None, None, enforced=False, on_sleep=False)


@dataclass(frozen=True)
class Found:
    """What the running lockers come to; `refusal` is why one of them could not be read."""

    setting: LockSetting
    any_running: bool
    refusal: SourceError | None = None


def read(host: Witness, session: Session, surroundings: Surroundings) -> Found:
    """Return how the lockers that the session's owner runs lock.

    Raises `SourceError` where processes are hidden. A locker that can't be read leaves the time
    open, unless another one is certain.
    """
    settings: list[LockSetting] = []
    refusal: SourceError | None = None
    for process in host.processes_of(session.uid):
        name = _name(process)
        if name in UNREADABLE:
            settings.append(UNREAD)
        elif name in READERS:
            try:
                settings.append(READERS[name](host, process, surroundings))
            except SourceError as error:
                host.note(error)
                refusal = error
                settings.append(UNREAD)
    if not settings:
        return Found(NEVER, any_running=False)
    return Found(_together(settings), any_running=True, refusal=refusal)


def _together(settings: list[LockSetting]) -> LockSetting:
    after = earliest(tuple(each.lock_after_s for each in settings))
    first = next(each for each in settings if each.lock_after_s == after)
    sleeps = [each.on_sleep for each in settings]
    return LockSetting(
        lock_after_s=after,
        grace_s=first.grace_s,
        enforced=first.enforced,
        on_sleep=True if True in sleeps else UNKNOWN if UNKNOWN in sleeps else False,
        idle_after_s=earliest(tuple(each.idle_after_s for each in settings)),
    )


def _name(process: Process) -> str:
    # The kernel cuts a name to fifteen letters; the first argument has all of it.
    first = process.arguments[0].rpartition("/")[2] if process.arguments else ""
    return first if first in READERS or first in UNREADABLE else process.name
