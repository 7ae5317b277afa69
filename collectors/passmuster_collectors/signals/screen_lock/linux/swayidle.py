"""swayidle: an idle daemon for Wayland compositors, told what to do by its arguments or a file.

`timeout SECONDS COMMAND` runs a command after so many idle seconds (0: never), `lock COMMAND` when
logind asks for a lock, `before-sleep COMMAND` before the laptop sleeps, `idlehint SECONDS` tells
logind of being idle. See swayidle(1).
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.screen_lock.linux import lock_commands
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_commands import Deed
from passmuster_collectors.signals.screen_lock.linux.lock_setting import (
    LockSetting,
    Seconds,
    earliest,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

EVENTS = {
    "timeout": 3,
    "idlehint": 2,
    "lock": 2,
    "unlock": 2,
    "before-sleep": 2,
    "after-resume": 2,
}


@dataclass
class Instructions:
    """What a swayidle was told: idle commands with their seconds, and one command per event."""

    timeouts: list[tuple[int, str]] = field(default_factory=list)
    events: dict[str, str] = field(default_factory=dict)
    idle_hint_s: int | None = None


def read(host: Witness, process: Process, surroundings: Surroundings) -> LockSetting:
    """Return how a running swayidle locks. Raises `SourceError`."""
    try:
        config, events = split_arguments(process.arguments)
        instructions = Instructions()
        add_events(instructions, events)
        content = _config(host, surroundings, config)
        if content is not None:
            add_file(instructions, content)
    except ValueError as error:
        raise SourceConflictError("swayidle", str(error)) from None
    return parse(instructions)


def split_arguments(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the settings file that the options name, and the events after the options."""
    rest = list(arguments[1:])
    config: str | None = None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        if option[1:2] in ("C", "S"):
            value = option[2:] or (rest.pop(0) if rest else "")
            config = value if option[1] == "C" else config
    return config, rest


def add_events(instructions: Instructions, words: list[str]) -> None:
    """Add the events that `words` spell out. Raises `ValueError`."""
    while words:
        name = words[0]
        size = EVENTS.get(name)
        if size is None or len(words) < size:
            raise ValueError("an event that swayidle does not have")
        if name in ("timeout", "idlehint"):
            if not (words[1].isascii() and words[1].isdigit() and len(words[1]) < 10):
                raise ValueError("an event without its seconds")
            seconds = int(words[1])
            if name == "idlehint":
                instructions.idle_hint_s = seconds or None
            elif seconds:
                instructions.timeouts.append((seconds, words[2]))
            if name == "timeout" and words[3:4] == ["resume"]:
                size = 5
        else:
            instructions.events[name] = words[1]
        del words[:size]


def add_file(instructions: Instructions, content: bytes) -> None:
    """Add the events of a settings file. Raises `ValueError`."""
    for line in content.decode("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            add_events(instructions, shlex.split(line))


def parse(instructions: Instructions) -> LockSetting:
    """Return how a session locks under these instructions."""
    on_lock = lock_commands.parse(instructions.events.get("lock", ""))
    times: list[Seconds] = []
    graces: list[int] = []
    for seconds, command in instructions.timeouts:
        done = lock_commands.parse(command)
        if done.deed is Deed.ASKS_LOGIND:
            done = on_lock if on_lock.deed is Deed.LOCKS else lock_commands.UNCLEAR
        if done.deed is Deed.LOCKS:
            times.append(seconds + done.grace_s)
            graces.append(done.grace_s)
        elif done.deed is Deed.UNCLEAR:
            times.append(UNKNOWN)
    before_sleep = lock_commands.parse(instructions.events.get("before-sleep", ""))
    asks = before_sleep.deed is Deed.ASKS_LOGIND and on_lock.deed is Deed.LOCKS
    unclear = before_sleep.deed in (Deed.UNCLEAR, Deed.ASKS_LOGIND)
    return LockSetting(
        lock_after_s=earliest(tuple(times)),
        grace_s=max(graces, default=0),
        enforced=False,
        on_sleep=True if asks or before_sleep.deed is Deed.LOCKS else UNKNOWN if unclear else False,
        idle_after_s=instructions.idle_hint_s,
    )


def _config(host: Witness, surroundings: Surroundings, named: str | None) -> bytes | None:
    if named is not None:
        if not named.startswith("/"):
            raise ValueError("a settings file without its folder")
        return host.read_if_there(named)
    surroundings.require_home()
    for place in (
        f"{surroundings.config_home}/swayidle/config",
        f"{surroundings.home}/.swayidle/config",
        "/etc/xdg/swayidle/config",
        "/etc/swayidle/config",
    ):
        content = host.find(place)
        if content is not None:
            return content
    return None
