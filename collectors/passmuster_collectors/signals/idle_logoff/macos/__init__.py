"""Idle logoff on a Mac: the screen lock, the automatic log-out, and shells opened from afar."""

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.idle_logoff.covering import all_of, is_undecided, worst
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.idle_logoff.macos.automatic_logout import read_automatic_logout
from passmuster_collectors.signals.idle_logoff.macos.remote_shells import read_remote_shells
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.macos import NOBODY, NOT_TOLD, read_locks
from passmuster_collectors.signals.screen_lock.macos.console import ConsoleSession, read_console

SIGNAL = "idle_logoff"
MAX_SESSIONS = 32

UNCLEAR = "Not everything that would end a session on this Mac could be read."


def read(host: Host) -> Reading:
    """Return what covers every kind of session that people have open.

    Where several people are logged in, what comes last for one of them is told for all.
    """
    inquiry = Inquiry()
    sessions = read_console(host, inquiry)
    remote = read_remote_shells(host, inquiry)
    if not sessions:
        facts = IdleLogoffFacts(remote) if remote else None
        reason = NOT_TOLD if sessions is None else NOBODY
        return unavailable(SIGNAL, host.now(), reason, inquiry.sources, facts)
    graphical = _of_desktops(host, inquiry, sessions[:MAX_SESSIONS])
    mechanisms = (*graphical, *(remote or ()))
    facts = IdleLogoffFacts(mechanisms)
    undecided = any(is_undecided(mechanisms, kind) for kind in Coverage)
    if remote is None or undecided or len(sessions) > MAX_SESSIONS:
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _of_desktops(
    host: Host, inquiry: Inquiry, sessions: tuple[ConsoleSession, ...]
) -> tuple[Mechanism, Mechanism]:
    locks = read_locks(host, inquiry, sessions)
    logouts = [read_automatic_logout(host, inquiry, session.name) for session in sessions]
    return (
        Mechanism(
            Kind.LOCK,
            worst([lock.lock_after_s for lock in locks]),
            Coverage.GRAPHICAL,
            all_of([lock.enforced for lock in locks]),
        ),
        Mechanism(
            Kind.LOGOUT,
            worst([logout.after_s for logout in logouts]),
            Coverage.GRAPHICAL,
            all_of([logout.enforced for logout in logouts]),
        ),
    )
