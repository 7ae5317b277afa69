"""What the companion says its worker's desktop does with a laptop left alone.

As with the lock, it fills what could not be read here, and where both know and differ nobody is
believed.
"""

from dataclasses import dataclass
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Items, Text, Unknown
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.idle_logoff.facts import Kind
from passmuster_collectors.signals.idle_logoff.linux.suspend import IdleAction, idle_action_of
from passmuster_collectors.signals.screen_lock.linux.locks import SessionLock
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.signals.testimony import differ

SIGNAL_ID = "idle_logoff"


@dataclass(frozen=True)
class ActionTestimony:
    """What a companion says of one session, as in `IdleAction`. IT's locks are not its to tell."""

    session: Annotated[str, Text(longest=64)]
    kind: Kind | None
    after_s: int | Unknown | None


@dataclass(frozen=True)
class IdleTestimony:
    """What a companion says of all graphical sessions of its worker."""

    sessions: Annotated[tuple[ActionTestimony, ...], Items(most=32)]


def testimony_of(session_id: str, action: IdleAction) -> ActionTestimony:
    """Return a session's action as its companion tells it."""
    return ActionTestimony(session_id, action.kind, action.after_s)


def idle_action_with_companion(host: Witness, lock: SessionLock) -> IdleAction:
    """Return what happens to a session left alone, by what is read here and by its companion."""
    own = idle_action_of(host, lock)
    if host.uid == lock.session.uid:
        return own
    try:
        sessions = host.testimony(lock.session.uid, SIGNAL_ID, IdleTestimony).sessions
    except SourceError:
        return own  # the lock's own question has noted it
    said = next((each for each in sessions if each.session == lock.session.id), None)
    return own if said is None else merged(host, own, said)


def merged(host: Witness, own: IdleAction, said: ActionTestimony) -> IdleAction:
    """Return the action by what was read here and what the companion says."""
    if own.after_s == UNKNOWN:
        return IdleAction(said.kind, said.after_s)
    if said.after_s != UNKNOWN and (differ(own.after_s, said.after_s) or own.kind != said.kind):
        host.contradicted("what happens to a laptop left alone")
        return IdleAction(own.kind or said.kind, UNKNOWN)
    return own
