"""`processes` and `environments`: what the locks of people's sessions can be told by.

Arguments and environments of other people's programs can hold passwords. So arguments leave here
for the programs that lock a screen alone, of others the path they were started from, and of
environments the variables that say which desktop a session runs and where its settings are.
"""

import re
from collections.abc import Mapping

from passmuster_collectors.host.base import Host, SourceError
from passmuster_collectors.host.privileged.verbs import Answer, Answers, answer_of, question

FIRST_PERSON = 1000
NOBODY = 65_534
MAX_PROCESSES = 4096
MAX_SESSIONS = 64
LONGEST_VALUE = 4096
MAX_ARGUMENTS = 256

LOCK_PROGRAMS = frozenset(
    {
        "hypridle",
        "swayidle",
        "xautolock",
        "xfce4-screensaver",
        "xscreensaver",
        "xss-lock",
    }
)
"""Programs whose arguments say when they lock."""

PROGRAM_PATH = re.compile(r"/\S{1,255}", re.ASCII)

VARIABLES = frozenset(
    {
        "DCONF_PROFILE",
        "GSETTINGS_BACKEND",
        "XDG_CONFIG_DIRS",
        "XDG_CONFIG_HOME",
        "XDG_CURRENT_DESKTOP",
        "XDG_DATA_DIRS",
        "XDG_SESSION_ID",
    }
)


def gather_processes(host: Host) -> Answers:
    """Return the running processes."""
    return {question("processes"): answer_of(_processes, host)}


def gather_environments(host: Host) -> Answers:
    """Return the filtered environment of one process of each session of a person's."""
    found: dict[str, Answer] = {}
    sessions: set[tuple[int, str]] = set()
    try:
        processes = host.processes()
    except SourceError as error:
        return {question("process_environment", "*"): error}
    for process in processes:
        if not _is_person(process.uid) or len(sessions) >= MAX_SESSIONS:
            continue
        try:
            variables = host.process_environment(process.pid)
        except SourceError:
            continue  # it may have ended
        session = (process.uid, variables.get("XDG_SESSION_ID", ""))
        if session[1] and variables.get("XDG_CURRENT_DESKTOP") and session not in sessions:
            sessions.add(session)
            found[question("process_environment", process.pid)] = without_secrets(variables)
    return found


def without_secrets(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables that a reader needs."""
    return {
        name: value
        for name, value in variables.items()
        if name in VARIABLES and len(value) <= LONGEST_VALUE
    }


def _processes(host: Host) -> list[tuple[int, int, str, tuple[str, ...]]]:
    return [
        (each.pid, each.uid, each.name, _arguments(each.name, each.arguments))
        for each in host.processes()[:MAX_PROCESSES]
    ]


def _arguments(name: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    # The kernel cuts a name to fifteen letters; the first argument has all of it.
    first = arguments[0].rpartition("/")[2] if arguments else ""
    if not LOCK_PROGRAMS & {name, first}:
        # Where a program was started from; a title that a service gave itself is something else.
        return tuple(path for path in arguments[:1] if PROGRAM_PATH.fullmatch(path))
    return tuple(argument[:LONGEST_VALUE] for argument in arguments[:MAX_ARGUMENTS])


def _is_person(uid: int) -> bool:
    return uid == 0 or (uid >= FIRST_PERSON and uid != NOBODY)
