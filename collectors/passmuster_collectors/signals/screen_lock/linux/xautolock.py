"""xautolock: runs a locker after some idle minutes under X, by its arguments. See xautolock(1)."""

from collections.abc import Sequence

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Process
from passmuster_collectors.signals.screen_lock.linux import lock_commands
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_commands import Deed
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting, Seconds
from passmuster_collectors.signals.screen_lock.linux.witness import Witness


def read(_host: Witness, process: Process, _surroundings: Surroundings) -> LockSetting:
    """Return how a running xautolock locks."""
    return parse(process.arguments)


def parse(arguments: Sequence[str]) -> LockSetting:
    """Return how a session locks by xautolock's arguments.

    An option that is not given may come from X resources, which are not read: it is unknown.
    """
    minutes = _value(arguments, "-time")
    locker = lock_commands.parse(_value(arguments, "-locker") or "")
    given = minutes is not None and minutes.isascii() and minutes.isdigit()
    after: Seconds = UNKNOWN
    if locker.deed is Deed.LOCKS and minutes is not None and given:
        after = min(max(int(minutes), 1), 60) * 60 + locker.grace_s
    elif locker.deed is Deed.NOTHING and _value(arguments, "-locker") is not None:
        after = None
    return LockSetting(after, locker.grace_s, enforced=False, on_sleep=False)


def _value(arguments: Sequence[str], option: str) -> str | None:
    places = [place for place, argument in enumerate(arguments[:-1]) if argument == option]
    return arguments[places[-1] + 1] if places else None
