"""The numbers behind a Mac's screen lock, each from the program that knows it."""

import re
from collections.abc import Mapping

from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.host.commands import Program

GRACE = re.compile(
    r"screenLock (?:is (off)|delay is (?:(immediate)|(-?\d{1,12})(?:\.\d+)? seconds?))"
)
NEVER_ASKS = 2**31 - 1  # what MobileKeyBag stores for a password that is never asked for

NUMBER = re.compile(rb"(\d{1,12})(?:\.\d+)?\n")
POWER_SOURCE = re.compile(r"(\S.*):\s*")
DISPLAY_SLEEP = re.compile(r"\s+displaysleep\s+(\d{1,9})(?:\s+\(.*\))?")
MAINS = "AC Power"
KEEPS_DISPLAY_ON = re.compile(r"\s+PreventUserIdleDisplaySleep\s+(\d{1,9})")


def parse_grace(output: bytes) -> int | None:
    """Return the seconds between a dark screen and the password; None where none is asked for.

    From the standard error of `sysadminctl -screenLock status` (sysadminctl(8)), a log line. Raises
    `SourceConflictError` for any other wording.
    """
    lines = output.decode("utf-8", "replace").split("\n")
    said = {found.groups() for line in lines if (found := _ending(GRACE, line)) is not None}
    if len(said) != 1:
        raise SourceConflictError(Program.SYSADMINCTL.paths[0], "says something unknown")
    ((off, immediate, seconds),) = said
    if immediate:
        return 0
    if off or int(seconds) < 0 or int(seconds) >= NEVER_ASKS:
        return None
    return int(seconds)


def parse_number(completed: Completed) -> int | None:
    """Return the whole number that `defaults read` prints; None where it prints none.

    It ends with status 1 for a setting that is not there as for one that it can't read (defaults(1)
    tells them apart in words only), so None is not "never". Raises `SourceConflictError` for
    anything but a number of zero or more.
    """
    if completed.status != 0:
        return None
    found = NUMBER.fullmatch(completed.stdout)
    if found is None:
        raise SourceConflictError(Program.DEFAULTS.paths[0], "not a number")
    return int(found.group(1))


def parse_display_sleep(output: bytes) -> Mapping[str, int]:
    """Return the minutes after which the display sleeps, by power source; 0 is never.

    From `pmset -g custom` (pmset(1)). Raises `SourceConflictError` where a source leaves it out or
    names it twice, and where mains power, which every Mac has, is not among them: a list that ends
    early would lack the source that counts.
    """
    text = output.decode("utf-8", "replace")
    found: dict[str, list[int]] = {}
    source = ""
    for line in text.split("\n"):
        if heading := POWER_SOURCE.fullmatch(line):
            source = heading.group(1)
            if source in found:
                raise SourceConflictError(Program.PMSET.paths[0], "names a power source twice")
            found[source] = []
        elif (minutes := DISPLAY_SLEEP.fullmatch(line)) and source:
            found[source].append(int(minutes.group(1)))
    if (
        not text.endswith("\n")
        or MAINS not in found
        or any(len(each) != 1 for each in found.values())
    ):
        raise SourceConflictError(Program.PMSET.paths[0], "not a display sleep for each source")
    return {name: minutes for name, (minutes,) in found.items()}


def parse_keeps_display_on(output: bytes) -> bool:
    """Return whether a program keeps the display from sleeping: `pmset -g assertions`.

    Raises `SourceConflictError` where the system-wide line is not there exactly once.
    """
    lines = output.decode("utf-8", "replace").split("\n")
    held = [int(found.group(1)) for line in lines if (found := KEEPS_DISPLAY_ON.fullmatch(line))]
    if len(held) != 1:
        raise SourceConflictError(Program.PMSET.paths[0], "no system-wide assertions")
    return held[0] > 0


def _ending(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    found = pattern.search(line)
    return found if found is not None and not line[found.end() :].strip() else None
