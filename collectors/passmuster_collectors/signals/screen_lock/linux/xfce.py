"""Xfce Screensaver: locks an Xfce session, by the channel `xfce4-screensaver`.

It starts `/saver/idle-activation/delay` minutes after the last input and locks
`/lock/saver-activation/delay` minutes later, if the saver, its activation, the lock and its
activation are all enabled. Defaults are those of its `gs-prefs.h`. It has to be running: Xfce
itself locks nothing.
"""

from collections.abc import Mapping

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import xfconf
from passmuster_collectors.text.xfconf import Property

FOLDER = "xfce4/xfconf/xfce-perchannel-xml"
CONFIG_FOLDERS = "/etc/xdg"
SAVER, POWER = "xfce4-screensaver", "xfce4-power-manager"

SWITCHES = (
    "/saver/enabled",
    "/saver/idle-activation/enabled",
    "/lock/enabled",
    "/lock/saver-activation/enabled",
)
IDLE_DELAY, LOCK_DELAY = "/saver/idle-activation/delay", "/lock/saver-activation/delay"
LONGEST_DELAY = 480
ON_SLEEP = "/xfce4-power-manager/lock-screen-suspend-hibernate"

Channel = Mapping[str, tuple[Property, bool]]
"""Properties by name, each with whether the administrator has locked it for this user."""


def read(host: Witness, process: Process, surroundings: Surroundings) -> LockSetting:
    """Return how a running Xfce Screensaver locks. Raises `SourceError`."""
    user = host.account(process.uid).name
    surroundings.require_home()
    saver = read_channel(host, surroundings, user, SAVER)
    power = read_channel(host, surroundings, user, POWER)
    try:
        return parse(saver, power)
    except ValueError as error:
        raise SourceConflictError(SAVER, str(error)) from None


def read_channel(host: Witness, surroundings: Surroundings, user: str, name: str) -> Channel:
    """Return a channel as xfconf puts it together for that user. Raises `SourceError`."""
    found: dict[str, tuple[Property, bool]] = {}
    closed = False
    shared = reversed(surroundings.folders("XDG_CONFIG_DIRS", CONFIG_FOLDERS))
    for folder in (*shared, surroundings.config_home):
        path = f"{folder}/{FOLDER}/{name}.xml"
        content = host.read_if_there(path)
        own = folder == surroundings.config_home
        if content is None or (own and closed):
            continue
        try:
            channel = xfconf.parse(content)
            closed = closed or (not own and channel.lock.holds_for(user))
            for full, prop in channel.properties.items():
                if full not in found or not found[full][1]:
                    locked = not own and (closed or prop.lock.holds_for(user))
                    found[full] = (prop, locked)
        except ValueError as error:
            raise SourceConflictError(path, str(error)) from None
    return found


def parse(saver: Channel, power: Channel) -> LockSetting:
    """Return how a session with these channels locks. Raises `ValueError`."""
    enabled = all(_truth(saver, name, default=True) for name in SWITCHES)
    idle_delay = minutes(saver, IDLE_DELAY, default=5) or 10  # as Xfce Screensaver takes zero
    lock_delay = minutes(saver, LOCK_DELAY, default=0)
    governing = (*SWITCHES, IDLE_DELAY, LOCK_DELAY)
    on_sleep: bool | Unknown = (
        _truth(power, ON_SLEEP, default=True) if ON_SLEEP in power else UNKNOWN
    )
    return LockSetting(
        lock_after_s=(idle_delay + lock_delay) * 60 if enabled else None,
        grace_s=lock_delay * 60,
        enforced=all(name in saver and saver[name][1] for name in governing),
        on_sleep=on_sleep if _truth(saver, "/lock/enabled", default=True) else False,
    )


def _truth(channel: Channel, name: str, *, default: bool) -> bool:
    if name not in channel:
        return default
    prop, _ = channel[name]
    if prop.type != "bool" or prop.value not in ("true", "false"):
        raise ValueError(f"{name} is no truth value")
    return prop.value == "true"


def minutes(channel: Channel, name: str, *, default: int) -> int:
    """Return a delay as Xfce Screensaver takes it. Raises `ValueError`."""
    if name not in channel:
        return default
    prop, _ = channel[name]
    if prop.type not in ("int", "uint") or not prop.value.isascii() or not prop.value.isdigit():
        raise ValueError(f"{name} is no number of minutes")
    return min(int(prop.value), LONGEST_DELAY)
