"""MATE: by `org.mate.session` and `org.mate.screensaver`, whose delays are in minutes.

The session is idle `idle-delay` minutes after the last input, then MATE Screensaver starts if
`idle-activation-enabled`, and locks `lock-delay` minutes later if `lock-enabled`. It has to be
running.
"""

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.settings import Settings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

SESSION = "org.mate.session"
SCREENSAVER = "org.mate.screensaver"
LOCKDOWN = "org.mate.lockdown"
PROGRAM = "mate-screensaver"

GOVERNING = (
    (SESSION, "idle-delay"),
    (SCREENSAVER, "idle-activation-enabled"),
    (SCREENSAVER, "lock-enabled"),
    (SCREENSAVER, "lock-delay"),
    (LOCKDOWN, "disable-lock-screen"),
)


def read(host: Witness, session: Session, surroundings: Surroundings) -> LockSetting:
    """Return how a MATE session locks. Raises `SourceError`."""
    settings = Settings(host, session.uid, surroundings, "MATE")
    idle_delay_s = settings.number(SESSION, "idle-delay") * 60
    lock_delay_s = settings.number(SCREENSAVER, "lock-delay") * 60
    locks = (
        not settings.flag(LOCKDOWN, "disable-lock-screen")
        and settings.flag(SCREENSAVER, "idle-activation-enabled")
        and settings.flag(SCREENSAVER, "lock-enabled")
        and _is_running(host, session)
    )
    return LockSetting(
        lock_after_s=idle_delay_s + lock_delay_s if locks and idle_delay_s else None,
        grace_s=lock_delay_s,
        enforced=all(settings.locked(schema, key) for schema, key in GOVERNING),
        on_sleep=UNKNOWN if locks else False,
    )


def _is_running(host: Witness, session: Session) -> bool:
    # The kernel cuts names to fifteen letters.
    return any(
        process.name in (PROGRAM, PROGRAM[:15]) for process in host.processes_of(session.uid)
    )
