"""The screen lock on Windows: whatever locks first, on the worst power source, for every person.

The settings are those of the person whose session it is, never of the account that a service runs
as. Dynamic Lock, which follows a telephone about, is not counted: it is no promise of a time.
"""

from collections.abc import Sequence

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, SourceOutcome, ok, unavailable
from passmuster_collectors.host.base import Host
from passmuster_collectors.host.windows_answers import Hive, PowerCapabilities, UserSession
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.screen_lock.windows.computer import (
    read_inactivity,
    read_locking_forbidden,
    read_managed,
)
from passmuster_collectors.signals.screen_lock.windows.screen_saver import read_screen_saver
from passmuster_collectors.signals.screen_lock.windows.sign_in import read_sign_in
from passmuster_collectors.signals.screen_lock.windows.timing import (
    NEVER,
    UNCLEAR,
    Cause,
    SessionLock,
    combined,
)

SIGNAL = "screen_lock"
DESKTOP = "windows"
MAX_SESSIONS = 32
LATE_S = 60
"""How much later than set a lock may come before it counts as held off."""

AT_THE_CONSOLE = 0
LOCKED, UNLOCKED = 0, 1
"""WTS_SESSIONSTATE_LOCK and _UNLOCK of wtsapi32.h, since Windows 8 as they are documented."""

FILETIME_S = 10_000_000

NOBODY = "Nobody is logged in to this computer, so there is no session to look at."
NOT_TOLD = "Windows did not say who is logged in."
TOO_MANY = "More people are logged in than Passmuster looks at."
REASONS = {
    SourceOutcome.DENIED: "Passmuster is not allowed to read the lock settings of this session.",
    SourceOutcome.MISSING: "The lock settings of this session could not be found.",
    SourceOutcome.TIMEOUT: "Windows did not tell the lock settings of this session in time.",
    SourceOutcome.CONFLICT: "The lock settings of this session contradict themselves.",
}
UNSET = "Windows did not say from when on it asks for a password."


def read(host: Host) -> Reading:
    """Return how the session of every person who is logged in locks.

    Nobody being logged in is told as unavailable: an agent without a service's rights would be told
    just that.
    """
    inquiry = Inquiry()
    sessions = inquiry.ask("sessions", host.user_sessions)
    if not sessions:
        reason = NOT_TOLD if sessions is None else NOBODY
        return unavailable(SIGNAL, host.now(), reason, inquiry.sources)
    looked_at = sessions[:MAX_SESSIONS]
    locks = read_locks(host, inquiry, looked_at)
    facts = ScreenLockFacts(
        tuple(
            LockSession(
                desktop=DESKTOP,
                lock_after_s=lock.lock_after_s,
                grace_s=lock.grace_s,
                enforced=lock.enforced,
                locked=_is_locked(session),
                inhibited=is_overdue(session, lock),
            )
            for session, lock in zip(looked_at, locks, strict=True)
        )
    )
    if len(sessions) > MAX_SESSIONS:
        return unavailable(SIGNAL, host.now(), TOO_MANY, inquiry.sources, facts)
    if any(lock.lock_after_s == UNKNOWN for lock in locks):
        return unavailable(SIGNAL, host.now(), _reason(inquiry), inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def read_locks(
    host: Host, inquiry: Inquiry, sessions: Sequence[UserSession]
) -> tuple[SessionLock, ...]:
    """Return how each of the sessions is set to lock, in their order."""
    shared = (read_inactivity(host, inquiry), read_managed(host, inquiry))
    power = inquiry.ask("power capabilities", host.power_capabilities)
    return tuple(_read_lock(host, inquiry, session, shared, power) for session in sessions)


def is_overdue(session: UserSession, lock: SessionLock) -> bool | Unknown:
    """Return True where the lock failed to come when it was due; what holds it off is not told."""
    due_s = lock.lock_after_s
    if session.flags != UNLOCKED or not session.last_input or not isinstance(due_s, int):
        return UNKNOWN
    idle_s = (session.now - session.last_input) // FILETIME_S
    return True if idle_s > due_s + LATE_S else UNKNOWN


def _read_lock(
    host: Host,
    inquiry: Inquiry,
    session: UserSession,
    shared: tuple[Cause, ...],
    power: PowerCapabilities | None,
) -> SessionLock:
    sid = session.sid
    if not sid or inquiry.ask("HKU", lambda: host.registry_keys(Hive.USERS, sid)) is None:
        # Whoever is logged in has his settings loaded. Those of others are nobody's business.
        return UNCLEAR
    forbidden = read_locking_forbidden(host, inquiry, sid)
    if forbidden is True:
        return NEVER
    causes = [*shared, read_screen_saver(host, inquiry, sid)]
    if session.protocol == AT_THE_CONSOLE:
        modern = None if power is None else power.modern_standby
        causes.append(read_sign_in(host, inquiry, sid, modern_standby=modern))
    lock = combined(causes, on_battery=power is None or power.battery)
    return UNCLEAR if forbidden == UNKNOWN else lock


def _is_locked(session: UserSession) -> bool | Unknown:
    return {LOCKED: True, UNLOCKED: False}.get(session.flags, UNKNOWN)


def _reason(inquiry: Inquiry) -> str:
    outcomes = {source.outcome for source in inquiry.sources}
    return next((reason for outcome, reason in REASONS.items() if outcome in outcomes), UNSET)
