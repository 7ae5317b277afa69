"""Idle logoff on Windows: the lock of each session, and what ends remote ones.

Windows itself never logs a session at the console off: there the lock is all there is.
"""

from collections.abc import Sequence

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host
from passmuster_collectors.host.windows_answers import UserSession
from passmuster_collectors.signals.idle_logoff.covering import all_of, is_undecided, worst
from passmuster_collectors.signals.idle_logoff.facts import (
    Coverage,
    IdleLogoffFacts,
    Kind,
    Mechanism,
)
from passmuster_collectors.signals.idle_logoff.windows.remote_limits import read_remote_limits
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.windows import (
    AT_THE_CONSOLE,
    MAX_SESSIONS,
    NOBODY,
    NOT_TOLD,
    read_locks,
)
from passmuster_collectors.signals.screen_lock.windows.timing import SessionLock

SIGNAL = "idle_logoff"

UNCLEAR = "Not everything that would end a session on this computer could be read."


def read(host: Host) -> Reading:
    """Return what covers every kind of session that people have open.

    Where several people are logged in, what comes last for one of them is told for all.
    """
    inquiry = Inquiry()
    sessions = inquiry.ask("sessions", host.user_sessions)
    if not sessions:
        reason = NOT_TOLD if sessions is None else NOBODY
        return unavailable(SIGNAL, host.now(), reason, inquiry.sources)
    looked_at = sessions[:MAX_SESSIONS]
    locks = list(zip(looked_at, read_locks(host, inquiry, looked_at), strict=True))
    mechanisms = (
        *_lock([lock for session, lock in locks if _is_local(session)], Coverage.GRAPHICAL),
        *_lock([lock for session, lock in locks if not _is_local(session)], Coverage.REMOTE),
        *read_remote_limits(
            host, inquiry, [session.sid for session in looked_at if not _is_local(session)]
        ),
    )
    facts = IdleLogoffFacts(mechanisms)
    undecided = any(is_undecided(mechanisms, kind) for kind in Coverage)
    if undecided or len(sessions) > MAX_SESSIONS:
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _lock(locks: Sequence[SessionLock], covers: Coverage) -> tuple[Mechanism, ...]:
    if not locks:
        return ()
    after_s = worst([lock.lock_after_s for lock in locks])
    return (Mechanism(Kind.LOCK, after_s, covers, all_of([lock.enforced for lock in locks])),)


def _is_local(session: UserSession) -> bool:
    return session.protocol == AT_THE_CONSOLE
