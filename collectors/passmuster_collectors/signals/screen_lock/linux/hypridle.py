"""hypridle: Hyprland's idle daemon, by `hypridle.conf` in the hyprlang format.

A `listener { timeout, on-timeout }` runs a command after so many idle seconds; a command that asks
logind for a lock runs `general { lock_cmd }`. See the Hyprland wiki, "hypridle".
"""

import re
from dataclasses import dataclass, field

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import SourceConflictError, SourceMissingError
from passmuster_collectors.signals.screen_lock.linux import lock_commands
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_commands import Deed, LockCommand
from passmuster_collectors.signals.screen_lock.linux.lock_setting import (
    LockSetting,
    Seconds,
    earliest,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)


@dataclass
class Category:
    """One `name { … }` of a hyprlang file and its values."""

    name: str
    values: dict[str, str] = field(default_factory=dict)


def read(host: Witness, process: Process, surroundings: Surroundings) -> LockSetting:
    """Return how a running hypridle locks. Raises `SourceError`."""
    path = _config(process.arguments, surroundings)
    content = host.read_file(path)
    locker = host.find(f"{surroundings.config_home}/hypr/hyprlock.conf")
    try:
        return parse(content, b"" if locker is None else locker)
    except ValueError as error:
        raise SourceConflictError(path, str(error)) from None


def parse(content: bytes, locker: bytes = b"") -> LockSetting:
    """Return how a session locks by a `hypridle.conf` and, for its grace, a `hyprlock.conf`.

    Raises `ValueError`.
    """
    categories, complete = parse_categories(content)
    general = {
        key: value
        for each in categories
        if each.name == "general"
        for key, value in each.values.items()
    }
    on_lock = lock_commands.parse(general.get("lock_cmd", ""))
    times: list[Seconds] = [] if complete else [UNKNOWN]
    for each in categories:
        if each.name == "listener" and (seconds := _seconds(each.values.get("timeout", ""))):
            done = _resolved(lock_commands.parse(each.values.get("on-timeout", "")), on_lock)
            if done.deed is Deed.LOCKS:
                times.append(seconds + max(done.grace_s, _grace(locker)))
            elif done.deed is Deed.UNCLEAR:
                times.append(UNKNOWN)
    before_sleep = _resolved(lock_commands.parse(general.get("before_sleep_cmd", "")), on_lock)
    return LockSetting(
        lock_after_s=earliest(tuple(times)),
        grace_s=max(on_lock.grace_s, _grace(locker)),
        enforced=False,
        on_sleep=UNKNOWN if before_sleep.deed is Deed.UNCLEAR else before_sleep.deed is Deed.LOCKS,
    )


def parse_categories(content: bytes) -> tuple[list[Category], bool]:
    """Return the categories of a hyprlang file, and whether they are all: it may include others.

    Raises `ValueError` for what is no text, and for braces that do not match.
    """
    found: list[Category] = []
    open_ones: list[Category] = []
    variables: dict[str, str] = {}
    complete = True
    for raw in content.decode("utf-8").splitlines():
        line = _without_comment(raw).strip()
        if line.endswith("{"):
            open_ones.append(Category(line[:-1].strip()))
        elif line == "}":
            if not open_ones:
                raise ValueError("a brace too many")
            found.append(open_ones.pop())
        elif "=" in line:
            key, _, value = (part.strip() for part in line.partition("="))
            for name in sorted(variables, key=len, reverse=True):
                value = value.replace(f"${name}", variables[name])
            if key.startswith("$"):
                variables[key[1:]] = value
            elif key == "source":
                complete = False
            elif open_ones:
                open_ones[-1].values[key] = value
    if open_ones:
        raise ValueError("a brace too few")
    return found, complete


def _without_comment(line: str) -> str:
    # `##` is a number sign that belongs to the value.
    return line.replace("##", "\0").partition("#")[0].replace("\0", "#")


def _resolved(done: LockCommand, on_lock: LockCommand) -> LockCommand:
    if done.deed is Deed.ASKS_LOGIND:
        return on_lock if on_lock.deed is Deed.LOCKS else lock_commands.UNCLEAR
    return done


def _seconds(text: str) -> int:
    return max(0, int(text)) if NUMBER.fullmatch(text) else 0


def _grace(locker: bytes) -> int:
    try:
        categories, _ = parse_categories(locker)
    except ValueError:
        return 0
    values = [each.values.get("grace", "") for each in categories if each.name == "general"]
    return max((_seconds(value) for value in values), default=0)


def _config(arguments: tuple[str, ...], surroundings: Surroundings) -> str:
    for place, argument in enumerate(arguments):
        if argument in ("-c", "--config"):
            path = "".join(arguments[place + 1 : place + 2])
            if not path.startswith("/"):
                raise SourceMissingError("hypridle.conf", "named without its folder")
            return path
    surroundings.require_home()
    return f"{surroundings.config_home}/hypr/hypridle.conf"
