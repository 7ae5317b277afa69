"""What the companion says of its worker's sessions, and what it counts for.

It fills what could not be read here, and no more: where it says something else than what was read
here, nobody is believed. That IT has locked a setting is never its to say.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Items, Text, Unknown
from passmuster_collectors.contract.reading import Reading, SourceOutcome
from passmuster_collectors.host.base import (
    COMPANION,
    Host,
    SourceConflictError,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.signals.screen_lock.linux.desktop import OTHERS, by_name
from passmuster_collectors.signals.screen_lock.linux.lock_setting import UNREAD, LockSetting
from passmuster_collectors.signals.screen_lock.linux.locks import SessionLock, read_lock
from passmuster_collectors.signals.screen_lock.linux.sessions import Session
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.signals.testimony import differ, filled

SIGNAL_ID = "screen_lock"
UNTOLD = "unknown"


@dataclass(frozen=True)
class SessionTestimony:
    """What a companion says of one session: its number for logind, then as in `LockSetting`."""

    session: Annotated[str, Text(longest=64)]
    desktop: Annotated[str, Text(longest=64)]
    lock_after_s: int | Unknown | None
    grace_s: int | Unknown | None
    enforced: bool | Unknown
    on_sleep: bool | Unknown
    idle_after_s: int | Unknown | None
    locked: bool | Unknown
    inhibited: bool | Unknown


@dataclass(frozen=True)
class LockTestimony:
    """What a companion says of all graphical sessions of its worker."""

    sessions: Annotated[tuple[SessionTestimony, ...], Items(most=32)]


def read_with_companions(host: Host, read_once: Callable[[Witness], Reading]) -> Reading:
    """Return a reading; one that a companion contradicts is taken once more.

    What changes between the two answers looks like a contradiction; asked again it is none.
    """
    witness = Witness(host)
    reading = read_once(witness)
    return read_once(Witness(host)) if witness.companion_differs else reading


def lock_with_companion(
    host: Witness, session: Session
) -> tuple[SessionLock, SessionTestimony | None]:
    """Return how a session locks, and what its companion said if there is one that may be asked."""
    lock = read_lock(host, session)
    if host.uid == session.uid:
        return lock, None  # who runs as the owner sees all that a companion sees
    unread = lock.setting.lock_after_s == UNKNOWN
    try:
        said = _ask(host, session)
    except SourceMissingError as error:
        if unread:
            host.note(error)
        missed = lock.refusal is not None and lock.refusal.outcome is SourceOutcome.DENIED
        return (dataclasses.replace(lock, refusal=error) if missed else lock), None
    except SourceError as error:
        return (dataclasses.replace(lock, refusal=error) if unread else lock), None
    return merged(host, lock, said), said


def _ask(host: Witness, session: Session) -> SessionTestimony:
    for each in host.testimony(session.uid, SIGNAL_ID, LockTestimony).sessions:
        if each.session == session.id:
            return each
    raise SourceMissingError(COMPANION, "it says nothing of this session")


def merged(host: Witness, lock: SessionLock, said: SessionTestimony) -> SessionLock:
    """Return how a session locks by what was read here and what its companion says.

    What contradicts itself here is not for the companion to settle.
    """
    if lock.refusal is not None and lock.refusal.outcome is SourceOutcome.CONFLICT:
        return lock
    name, desktop = lock.desktop_name, lock.desktop
    if desktop is None and name not in OTHERS:
        name, desktop = by_name(said.desktop)
    own = lock.setting
    differing = [
        field
        for field in ("lock_after_s", "grace_s", "on_sleep", "idle_after_s")
        if differ(getattr(own, field), getattr(said, field))
    ]
    if said.desktop not in (name, UNTOLD):
        differing.append("desktop")
    if differing:
        host.contradicted(", ".join(differing))
        refusal = SourceConflictError(COMPANION, differing[0])
        return dataclasses.replace(lock, setting=UNREAD, refusal=refusal)
    setting = LockSetting(
        lock_after_s=filled(own.lock_after_s, said.lock_after_s),
        grace_s=filled(own.grace_s, said.grace_s),
        enforced=False if own.enforced == UNKNOWN and said.enforced is False else own.enforced,
        on_sleep=filled(own.on_sleep, said.on_sleep),
        idle_after_s=filled(own.idle_after_s, said.idle_after_s),
    )
    refusal_left = lock.refusal if setting.lock_after_s == UNKNOWN else None
    return dataclasses.replace(
        lock, desktop_name=name, desktop=desktop, setting=setting, refusal=refusal_left
    )


def agreed(host: Witness, field: str, own: bool | Unknown, said: bool | Unknown) -> bool | Unknown:
    """Return one fact by both; unknown where they disagree, which is noted."""
    if differ(own, said):
        host.contradicted(field)
        return UNKNOWN
    return filled(own, said)
