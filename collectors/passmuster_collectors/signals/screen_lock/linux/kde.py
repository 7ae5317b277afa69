"""KDE Plasma: kscreenlocker locks the screen, by `kscreenlockerrc`, group `Daemon`.

`Autolock` and `Timeout` (minutes, may be a fraction; 0 is never) start the lock; during `LockGrace`
(seconds) no password is asked for, so it counts as time not locked. `RequirePassword=false` and
`Lock=false` show a lock screen that opens without a password: that never locks. Defaults are those
of kscreenlocker's `kscreenlockersettings.kcfg`.
"""

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.kde_files import read_config
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import kconfig
from passmuster_collectors.text.kconfig import Config

FILE = "kscreenlockerrc"
DAEMON = ("Daemon",)
GOVERNING = tuple(
    (DAEMON, key) for key in ("Autolock", "Timeout", "Lock", "LockGrace", "RequirePassword")
)


def read(host: Witness, _session: Session, surroundings: Surroundings) -> LockSetting:
    """Return how a KDE session locks. Raises `SourceError`."""
    found = read_config(host, surroundings, FILE, GOVERNING)
    try:
        return parse(found.config, enforced=found.enforced)
    except ValueError as error:
        refusal = SourceConflictError(FILE, str(error))
        host.note(refusal)
        raise refusal from None


def parse(config: Config, *, enforced: bool) -> LockSetting:
    """Return how a session with this `kscreenlockerrc` locks. Raises `ValueError`."""
    asks = _truth(config, "Lock", default=True) and _truth(config, "RequirePassword", default=True)
    timeout_s = round(_number(config, "Timeout", default=5) * 60)
    grace_s = round(_number(config, "LockGrace", default=5))
    if grace_s < 0:
        raise ValueError("LockGrace is negative")
    locks = asks and _truth(config, "Autolock", default=True) and timeout_s > 0
    return LockSetting(
        lock_after_s=timeout_s + grace_s if locks else None,
        grace_s=grace_s if asks else None,
        enforced=enforced,
        on_sleep=asks and _truth(config, "LockOnResume", default=True),
        idle_after_s=UNKNOWN,
    )


def _truth(config: Config, key: str, *, default: bool) -> bool:
    value = config.value(DAEMON, key)
    return default if value is None else kconfig.truth(value)


def _number(config: Config, key: str, *, default: float) -> float:
    value = config.value(DAEMON, key)
    try:
        return default if value is None else kconfig.number(value)
    except ValueError:
        raise ValueError(f"{key} is not a number") from None
