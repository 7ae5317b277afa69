"""The screen lock on a Mac: idle time plus grace, on the worst power source, for every person.

Design of the settings: the time lies with the screen saver and the display's sleep, the password
with a key bag that only the person's own login session can ask (sysadminctl(8)).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, SourceOutcome, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import printed_plist, succeeded
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.screen_lock.macos.console import ConsoleSession, read_console
from passmuster_collectors.signals.screen_lock.macos.managed import read_managed
from passmuster_collectors.signals.screen_lock.macos.settings import (
    parse_display_sleep,
    parse_keeps_display_on,
)
from passmuster_collectors.signals.screen_lock.macos.testimony import with_companion
from passmuster_collectors.signals.screen_lock.macos.timing import Seconds, lock_after

SIGNAL = "screen_lock"
DESKTOP = "macos"
MAX_SESSIONS = 32

LATE_S = 60
"""How much later than set a lock may come before it counts as held off."""

NOBODY = "Nobody is logged in to this Mac, so there is no session to look at."
NOT_TOLD = "macOS did not say who is logged in."
TOO_MANY = "More people are logged in than Passmuster looks at."
REASONS = {
    SourceOutcome.DENIED: "Passmuster is not allowed to read the lock settings of this session.",
    SourceOutcome.MISSING: "The lock settings of this session could not be found.",
    SourceOutcome.TIMEOUT: "macOS did not tell the lock settings of this session in time.",
    SourceOutcome.CONFLICT: "The lock settings of this session contradict themselves.",
}
UNSET = "macOS did not say when the screen saver starts or the display sleeps."


@dataclass(frozen=True)
class SessionLock:
    """How one person's session is set to lock; the names are those of the facts."""

    lock_after_s: Seconds
    grace_s: Seconds
    enforced: bool | Unknown


def read(host: Host) -> Reading:
    """Return how the screen of every person who is logged in locks.

    Nobody being logged in is told as unavailable: an agent that looks into the wrong session would
    see just that.
    """
    inquiry = Inquiry()
    sessions = read_console(host, inquiry)
    if not sessions:
        reason = NOT_TOLD if sessions is None else NOBODY
        return unavailable(SIGNAL, host.now(), reason, inquiry.sources)
    locks = read_locks(host, inquiry, sessions[:MAX_SESSIONS])
    holding = Inquiry()
    facts = ScreenLockFacts(
        tuple(
            LockSession(
                desktop=DESKTOP,
                lock_after_s=lock.lock_after_s,
                grace_s=lock.grace_s,
                enforced=lock.enforced,
                locked=session.locked,
                inhibited=_is_inhibited(host, holding, session, lock),
            )
            for session, lock in zip(sessions, locks, strict=False)
        )
    )
    sources = [*inquiry.sources, *holding.sources]
    if len(sessions) > MAX_SESSIONS:
        return unavailable(SIGNAL, host.now(), TOO_MANY, sources, facts)
    if any(lock.lock_after_s == UNKNOWN for lock in locks):
        return unavailable(SIGNAL, host.now(), _reason(inquiry), sources, facts)
    return ok(SIGNAL, host.now(), facts, sources)


def read_locks(
    host: Host, inquiry: Inquiry, sessions: tuple[ConsoleSession, ...]
) -> tuple[SessionLock, ...]:
    """Return how each of the sessions is set to lock, in their order."""
    display_sleep = inquiry.ask("pmset -g custom", lambda: read_display_sleep(host))
    return tuple(_read_lock(host, inquiry, session, display_sleep) for session in sessions)


def _read_lock(
    host: Host,
    inquiry: Inquiry,
    session: ConsoleSession,
    display_sleep: Mapping[str, int] | None,
) -> SessionLock:
    managed = read_managed(host, inquiry, session.name)
    own = with_companion(host, inquiry, session)
    idle_s = own.idle_s if managed.idle_s is None else managed.idle_s
    after = lock_after(idle_s, UNKNOWN if display_sleep is None else display_sleep, own.grace_s)
    return SessionLock(after, own.grace_s, managed.enforced)


def _is_inhibited(
    host: Host, inquiry: Inquiry, session: ConsoleSession, lock: SessionLock
) -> bool | Unknown:
    """Return whether a program keeps the lock off, or the lock failed to come when it was due."""
    if not session.in_front:
        return UNKNOWN
    held = inquiry.ask("pmset -g assertions", lambda: _keeps_display_on(host), otherwise=UNKNOWN)
    idle_s = inquiry.ask("ioreg HIDIdleTime", lambda: _without_input(host))
    due_s = lock.lock_after_s
    is_due = isinstance(due_s, int) and idle_s is not None and idle_s > due_s + LATE_S
    return True if is_due and session.locked is False else held


def read_display_sleep(host: Host) -> Mapping[str, int]:
    """Return the minutes after which the display sleeps, by power source. Raises `SourceError`."""
    completed = host.run(Program.PMSET, "-g", "custom")
    return parse_display_sleep(succeeded(Program.PMSET, completed))


def _keeps_display_on(host: Host) -> bool:
    completed = host.run(Program.PMSET, "-g", "assertions")
    return parse_keeps_display_on(succeeded(Program.PMSET, completed))


def _without_input(host: Host) -> int:
    """Return the seconds since the last key stroke or movement."""
    value = printed_plist(host, Program.IOREG, "-r", "-c", "IOHIDSystem", "-d1", "-a")
    entry = value[0] if isinstance(value, list) and value else None
    nanoseconds = entry.get("HIDIdleTime") if isinstance(entry, dict) else None
    if type(nanoseconds) is not int or nanoseconds < 0:
        raise SourceConflictError(Program.IOREG.paths[0], "no HIDIdleTime")
    return nanoseconds // 1_000_000_000


def _reason(inquiry: Inquiry) -> str:
    outcomes = {source.outcome for source in inquiry.sources}
    return next((reason for outcome, reason in REASONS.items() if outcome in outcomes), UNSET)
