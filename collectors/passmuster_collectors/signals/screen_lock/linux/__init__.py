"""The screen lock on Linux: every person's graphical session, by the desktop that it runs."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.contract.reading import (
    Reading,
    SourceOutcome,
    not_applicable,
    ok,
    unavailable,
)
from passmuster_collectors.host.base import COMPANION, Host, SourceError
from passmuster_collectors.signals.change import Change
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.screen_lock.linux.activity import is_inhibited, is_locked
from passmuster_collectors.signals.screen_lock.linux.changes import changes
from passmuster_collectors.signals.screen_lock.linux.locks import SessionLock, read_lock
from passmuster_collectors.signals.screen_lock.linux.sessions import (
    Session,
    SessionKind,
    Sessions,
    read_sessions,
)
from passmuster_collectors.signals.screen_lock.linux.started import with_started_desktops
from passmuster_collectors.signals.screen_lock.linux.testimony import (
    LockTestimony,
    SessionTestimony,
    agreed,
    lock_with_companion,
    read_with_companions,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

SIGNAL_ID = "screen_lock"
MOST_SESSIONS = 32

NO_SESSIONS = "Nobody is logged in with a desktop."
NO_LOGIND = "This computer did not say who is logged in."
SESSION_UNREAD = "This computer did not say what kind of session somebody has open."
UNSUPPORTED = "Passmuster can't read the screen lock of this desktop yet: {desktop}."
TOO_MANY = "More people are logged in than Passmuster looks at."
REASONS = {
    SourceOutcome.DENIED: "Passmuster is not allowed to read the lock settings of this session.",
    SourceOutcome.MISSING: "The lock settings of this session could not be found.",
    SourceOutcome.TIMEOUT: "The lock settings of this session could not be read in time.",
    SourceOutcome.CONFLICT: "The lock settings of this session contradict themselves.",
}


COMPANION_REASONS = {
    SourceOutcome.MISSING: (
        "The lock settings of this session can't be seen from outside of it, and Passmuster's "
        "companion does not run there."
    ),
    SourceOutcome.TIMEOUT: "Passmuster's companion in this session did not answer in time.",
    SourceOutcome.CONFLICT: (
        "Passmuster's companion in this session says something else than this computer does."
    ),
}


def read(host: Host) -> Reading:
    """Return how every person's graphical session is set to lock."""
    return read_with_companions(host, _read)


def testify(host: Host) -> Any:
    """Return what a companion says: how the sessions of its own user are set to lock."""
    witness = Witness(host)
    sessions = [each for each in read_people(witness).people if each.uid == host.uid]
    locks = [read_lock(witness, each) for each in sessions if each.kind is SessionKind.GRAPHICAL]
    return codec.encode(
        LockTestimony(tuple(_testimony(witness, lock) for lock in locks[:MOST_SESSIONS]))
    )


def changes_within(host: Host, within_s: int) -> tuple[Change, ...]:
    """Return what makes the sessions of the user who runs this lock in time.

    Raises `SourceError`.
    """
    sessions = [each for each in read_people(Witness(host)).people if each.uid == host.uid]
    graphical = [each for each in sessions if each.kind is SessionKind.GRAPHICAL]
    found = (change for each in graphical for change in changes(host, each, within_s))
    return tuple({change.setting: change for change in found}.values())


def _testimony(host: Witness, lock: SessionLock) -> SessionTestimony:
    return SessionTestimony(
        session=lock.session.id,
        desktop=lock.desktop_name,
        lock_after_s=lock.setting.lock_after_s,
        grace_s=lock.setting.grace_s,
        enforced=lock.setting.enforced,
        on_sleep=lock.setting.on_sleep,
        idle_after_s=lock.setting.idle_after_s,
        locked=is_locked(host, lock.session, lock.desktop),
        inhibited=is_inhibited(host, lock.session, lock.desktop),
    )


def _read(witness: Witness) -> Reading:
    at = witness.now()
    try:
        sessions = read_people(witness)
    except SourceError as error:
        witness.note(error)
        return unavailable(SIGNAL_ID, at, NO_LOGIND, witness.sources())
    graphical = [each for each in sessions.people if each.kind in (SessionKind.GRAPHICAL, None)]
    if not graphical:
        if sessions.certain:
            return not_applicable(SIGNAL_ID, at, NO_SESSIONS, witness.sources())
        return unavailable(SIGNAL_ID, at, NO_LOGIND, witness.sources())
    asked = [lock_with_companion(witness, each) for each in graphical[:MOST_SESSIONS] if each.kind]
    facts = ScreenLockFacts(tuple(_fact(witness, lock, said) for lock, said in asked))
    reason = (
        _what_is_missing(graphical, [lock for lock, _ in asked]) if sessions.certain else NO_LOGIND
    )
    if reason is None:
        return ok(SIGNAL_ID, at, facts, witness.sources())
    return unavailable(SIGNAL_ID, at, reason, witness.sources(), facts)


def read_people(host: Witness) -> Sessions:
    """Return the open sessions of people, desktops started by hand among them.

    Raises `SourceError` when nobody says who is logged in.
    """
    sessions = read_sessions(host)
    return dataclasses.replace(sessions, people=with_started_desktops(host, sessions.people))


def _fact(host: Witness, lock: SessionLock, said: SessionTestimony | None) -> LockSession:
    locked = is_locked(host, lock.session, lock.desktop)
    inhibited = is_inhibited(host, lock.session, lock.desktop)
    if said is not None:
        locked = agreed(host, "locked", locked, said.locked)
        inhibited = agreed(host, "inhibited", inhibited, said.inhibited)
    return LockSession(
        desktop=lock.desktop_name,
        lock_after_s=lock.setting.lock_after_s,
        grace_s=lock.setting.grace_s,
        enforced=lock.setting.enforced,
        locked=locked,
        inhibited=inhibited,
    )


def _what_is_missing(sessions: Sequence[Session], locks: Sequence[SessionLock]) -> str | None:
    """Return the sentence on what keeps the reading from being complete, or None if it is."""
    if any(session.kind is None for session in sessions):
        return SESSION_UNREAD
    if len(sessions) > MOST_SESSIONS:
        return TOO_MANY
    for lock in locks:
        if lock.refusal is not None:
            if lock.refusal.name == COMPANION:
                return COMPANION_REASONS[lock.refusal.outcome]
            return REASONS[lock.refusal.outcome]
        if lock.setting.lock_after_s == UNKNOWN:
            return UNSUPPORTED.format(desktop=lock.desktop_name)
    return None
