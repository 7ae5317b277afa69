"""Which shell a session runs, since not every shell has a time-out or reads the same files.

bash and ksh read `/etc/profile`. zsh reads its own files instead, unless one of them hands on to
`/etc/profile`. fish, nu, dash and others have no `TMOUT`, and neither has a session in a browser.
"""

from enum import Enum, auto

from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.screen_lock.linux.environment import scope_members
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

PROFILE_READERS = frozenset({"bash", "ksh", "ksh93", "mksh", "rbash"})
OTHERS = frozenset({"ash", "csh", "dash", "elvish", "fish", "nu", "pwsh", "sh", "tcsh", "xonsh"})


class Shell(Enum):
    """What a shell does with `TMOUT`; `UNSEEN` is taken for one that reads the profile."""

    READS_PROFILE = auto()
    ZSH = auto()
    HAS_NO_TIMEOUT = auto()
    UNSEEN = auto()


def shell_of(host: Witness, session: Session) -> Shell:
    """Return what the first shell of a session is."""
    if session.type == "web":
        return Shell.HAS_NO_TIMEOUT
    try:
        names = {process.pid: process.name for process in host.processes_of(session.uid)}
    except SourceError:
        return Shell.UNSEEN
    for pid in scope_members(host, session):
        # A login shell calls itself `-bash`; the numbers come oldest first.
        name = names.get(pid, "").lstrip("-")
        if name == "zsh":
            return Shell.ZSH
        if name in PROFILE_READERS:
            return Shell.READS_PROFILE
        if name in OTHERS:
            return Shell.HAS_NO_TIMEOUT
    return Shell.UNSEEN
