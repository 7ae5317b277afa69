"""XScreenSaver: by `~/.xscreensaver`, or the site's defaults where there is no such file.

`timeout` starts the saver, `lock` makes it ask for a password, `lockTimeout` later. As installed it
does not lock. See xscreensaver(1).
"""

import re
from collections.abc import Mapping

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

DEFAULTS = ("/etc/X11/app-defaults/XScreenSaver", "/usr/share/X11/app-defaults/XScreenSaver")
BUILT_IN = {"timeout": "0:10:00", "lockTimeout": "0:00:00", "lock": "False", "mode": "random"}
LINE = re.compile(r"^(?:XScreenSaver[.*]|[.*])?(\w+):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
TRUE = frozenset({"true", "yes", "on", "1"})


def read(host: Witness, _process: Process, surroundings: Surroundings) -> LockSetting:
    """Return how a running xscreensaver locks. Raises `SourceError`."""
    surroundings.require_home()
    own = host.read_if_there(f"{surroundings.home}/.xscreensaver")
    site = next((found for path in DEFAULTS if (found := host.find(path)) is not None), b"")
    try:
        return parse({**BUILT_IN, **parse_resources(site), **parse_resources(own or b"")})
    except ValueError as error:
        raise SourceConflictError("xscreensaver", str(error)) from None


def parse_resources(content: bytes) -> Mapping[str, str]:
    """Return the values of a resource file by their names. Raises `ValueError`."""
    return dict(LINE.findall(content.decode("utf-8")))


def parse(values: Mapping[str, str]) -> LockSetting:
    """Return how a session with these resources locks. Raises `ValueError`."""
    locks = values["lock"].lower() in TRUE and values["mode"].lower() != "off"
    timeout_s, lock_timeout_s = _seconds(values["timeout"]), _seconds(values["lockTimeout"])
    return LockSetting(
        lock_after_s=timeout_s + lock_timeout_s if locks and timeout_s else None,
        grace_s=lock_timeout_s,
        enforced=False,
        on_sleep=UNKNOWN if locks else False,
    )


def _seconds(text: str) -> int:
    """Return the seconds of `hours:minutes:seconds`, `minutes:seconds` or `minutes`."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"\d{1,6}", part) for part in parts):
        raise ValueError("not a time")
    numbers = [int(part) for part in parts]
    if len(numbers) == 1:
        return numbers[0] * 60
    total = 0
    for number in numbers:
        total = total * 60 + number
    return total
