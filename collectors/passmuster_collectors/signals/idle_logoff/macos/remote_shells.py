"""Shells that somebody has open on a Mac from afar, and what ends them when they are left alone.

macOS has no list of them that says more than the processes do: for each login over SSH one of
sshd's own processes runs as the person who logged in (sshd(8)).
"""

from collections.abc import Mapping, Sequence
from functools import partial

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import Host, SourceMissingError
from passmuster_collectors.signals.idle_logoff.covering import worst
from passmuster_collectors.signals.idle_logoff.facts import Coverage, Kind, Mechanism
from passmuster_collectors.signals.idle_logoff.tmout import ShellTimeout, parse_tmout
from passmuster_collectors.signals.inquiry import Inquiry

SERVERS = frozenset({"sshd", "sshd-session"})
FIRST_PERSON = 500
NOBODY = 0xFFFF_FFFE
WITHOUT_TERMINAL = "@notty"

# What each shell reads when it begins, in that order (zsh(1), bash(1)).
STARTUP_FILES: Mapping[str, tuple[str, ...]] = {
    "zsh": ("/etc/zshenv", "/etc/zprofile", "/etc/zshrc", "/etc/zlogin"),
    "bash": ("/etc/profile", "/etc/bashrc"),
}
MAX_FILE = 262_144


def read_remote_shells(host: Host, inquiry: Inquiry) -> tuple[Mechanism, ...] | None:
    """Return what covers remote shells, nothing where nobody has one; None where it is unknown."""
    processes = inquiry.ask("processes", host.processes)
    if processes is None:
        return None
    if not processes:
        inquiry.contradict("processes", "none at all")
        return None
    people = remote_people(processes)
    if not people:
        return ()
    shells = login_shells(processes, people)
    found = [_timeout(host, inquiry, STARTUP_FILES[shell]) for shell in sorted(shells)]
    after_s = worst([timeout.after_s for timeout in found]) if found else UNKNOWN
    fixed = bool(found) and all(timeout.fixed for timeout in found)
    return (Mechanism(Kind.SHELL_TIMEOUT, after_s, Coverage.REMOTE, fixed),)


def remote_people(processes: Sequence[Process]) -> frozenset[int]:
    """Return who has a terminal open from afar, by number.

    A copied file has no terminal; where the arguments can't be read it is taken for one.
    """
    return frozenset(
        process.uid
        for process in processes
        if process.name in SERVERS
        and FIRST_PERSON <= process.uid < NOBODY
        and not " ".join(process.arguments).rstrip().endswith(WITHOUT_TERMINAL)
    )


def login_shells(processes: Sequence[Process], people: frozenset[int]) -> frozenset[str]:
    """Return the shells that those people run and that have a time-out of their own."""
    return frozenset(
        name
        for process in processes
        if process.uid in people and (name := process.name.lstrip("-")) in STARTUP_FILES
    )


def _timeout(host: Host, inquiry: Inquiry, paths: Sequence[str]) -> ShellTimeout:
    files = [inquiry.ask(path, partial(_content, host, path)) for path in paths]
    found = parse_tmout([content for content in files if content is not None])
    return ShellTimeout(UNKNOWN, found.fixed) if None in files else found


def _content(host: Host, path: str) -> bytes:
    try:
        return host.read_file(path, limit=MAX_FILE)
    except SourceMissingError:
        return b""
