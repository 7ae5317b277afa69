"""xss-lock: runs a locker when the X server's own screen saver starts. See xss-lock(1).

When that is only the X server knows: `xset q` is asked, as the session's owner. With a notifier the
locker starts one cycle later.
"""

import re
from collections.abc import Sequence

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import SourceConflictError, SourceDeniedError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.screen_lock.linux import lock_commands
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_commands import Deed
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting, Seconds
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

LOCAL_DISPLAY = re.compile(r":\d{1,5}(\.\d{1,3})?", re.ASCII)
TIMES = re.compile(rb"^\s*timeout:\s+(\d{1,9})\s+cycle:\s+(\d{1,9})\s*$", re.MULTILINE)
WITH_VALUE = frozenset({"-n", "--notifier", "-s", "--session"})


def read(host: Witness, process: Process, _surroundings: Surroundings) -> LockSetting:
    """Return how a running xss-lock locks. Raises `SourceError`."""
    if not host.may_act_for(process.uid):
        raise SourceDeniedError(Program.XSET.paths[0], "only the session's owner or root may ask")
    variables = host.process_environment(process.pid)
    display, authority = variables.get("DISPLAY", ""), variables.get("XAUTHORITY", "")
    if not LOCAL_DISPLAY.fullmatch(display):
        raise SourceConflictError("DISPLAY", "not a display of this laptop")
    environment = {"DISPLAY": display}
    if authority.startswith("/"):
        environment["XAUTHORITY"] = authority
    printed = host.run_as(process.uid, Program.XSET, "q", environment=environment).stdout
    try:
        return parse(process.arguments, *parse_times(printed))
    except ValueError as error:
        raise SourceConflictError(Program.XSET.paths[0], str(error)) from None


def parse_times(printed: bytes) -> tuple[int, int]:
    """Return the screen saver's time-out and cycle in seconds from what `xset q` prints.

    Raises `ValueError`.
    """
    found = TIMES.search(printed)
    if found is None:
        raise ValueError("no times of a screen saver")
    return int(found[1]), int(found[2])


def parse(arguments: Sequence[str], timeout_s: int, cycle_s: int) -> LockSetting:
    """Return how a session locks by xss-lock's arguments and the X server's times."""
    notifier, ignores_sleep, locker = _split(arguments)
    done = lock_commands.parse_words(locker)
    if done.deed is not Deed.LOCKS:
        return LockSetting(UNKNOWN, UNKNOWN, enforced=False, on_sleep=UNKNOWN)
    after: Seconds = None
    if timeout_s and not (notifier and not cycle_s):
        after = timeout_s + (cycle_s if notifier else 0) + done.grace_s
    return LockSetting(after, done.grace_s, enforced=False, on_sleep=not ignores_sleep)


def _split(arguments: Sequence[str]) -> tuple[bool, bool, list[str]]:
    """Return whether there is a notifier, whether sleep is ignored, and the locker's words."""
    rest = list(arguments[1:])
    notifier = ignores_sleep = False
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        name = option.partition("=")[0]
        notifier = notifier or name in ("-n", "--notifier")
        ignores_sleep = ignores_sleep or name == "--ignore-sleep"
        if option in WITH_VALUE and rest:
            rest.pop(0)
    return notifier, ignores_sleep, rest
