"""Cinnamon: by `org.cinnamon.desktop.session` and `org.cinnamon.desktop.screensaver`.

It goes idle `idle-delay` seconds after the last input (0: never), then starts its screen saver if
`idle-activation-enabled`, and locks `lock-delay` seconds later if `lock-enabled`.
"""

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.settings import Settings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

SESSION = "org.cinnamon.desktop.session"
SCREENSAVER = "org.cinnamon.desktop.screensaver"
LOCKDOWN = "org.cinnamon.desktop.lockdown"
POWER = "org.cinnamon.settings-daemon.plugins.power"

GOVERNING = (
    (SESSION, "idle-delay"),
    (SCREENSAVER, "idle-activation-enabled"),
    (SCREENSAVER, "lock-enabled"),
    (SCREENSAVER, "lock-delay"),
    (LOCKDOWN, "disable-lock-screen"),
)


def read(host: Witness, session: Session, surroundings: Surroundings) -> LockSetting:
    """Return how a Cinnamon session locks. Raises `SourceError`."""
    settings = Settings(host, session.uid, surroundings, "X-Cinnamon")
    idle_delay = settings.number(SESSION, "idle-delay")
    lock_delay = settings.number(SCREENSAVER, "lock-delay")
    may_lock = not settings.flag(LOCKDOWN, "disable-lock-screen")
    locks = (
        may_lock
        and settings.flag(SCREENSAVER, "idle-activation-enabled")
        and settings.flag(SCREENSAVER, "lock-enabled")
    )
    on_suspend = settings.flag_if_known(POWER, "lock-on-suspend")
    return LockSetting(
        lock_after_s=idle_delay + lock_delay if locks and idle_delay else None,
        grace_s=lock_delay,
        enforced=all(settings.locked(schema, key) for schema, key in GOVERNING),
        on_sleep=UNKNOWN if on_suspend is None else may_lock and on_suspend,
    )
