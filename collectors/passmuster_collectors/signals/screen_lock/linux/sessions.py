"""Who has a session open on this laptop, by systemd-logind.

Interface: org.freedesktop.login1(5). A session is a person's when its class is one of `user…` (not
`greeter`, `lock-screen`, `background`, `manager`) and its owner is root or has a number from 1000
on, `nobody` (65534) excepted. Root counts because only a person logs in as root; the numbers
between belong to services.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from passmuster_collectors.host.base import (
    Bus,
    SourceConflictError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from passmuster_collectors.text import key_value

LOGIN = "org.freedesktop.login1"
MANAGER_PATH = "/org/freedesktop/login1"
MANAGER = "org.freedesktop.login1.Manager"
SESSION = "org.freedesktop.login1.Session"
STATE_FILES = "/run/systemd/sessions"

FIRST_PERSON = 1000
NOBODY = 65_534
GRAPHICAL_TYPES = frozenset({"x11", "wayland", "mir"})
MOST_SESSIONS = 256


class SessionKind(StrEnum):
    """Where a person sits in front of a session."""

    GRAPHICAL = "graphical"
    TERMINAL = "terminal"
    REMOTE = "remote"


@dataclass(frozen=True)
class Session:
    """One open session.

    `kind` is None for a session that could not be asked. `desktop` is what the display manager
    called it, `service` the PAM service that opened it, `scope` its control group. `locked` is a
    hint that the desktop itself sets; `reports_idle` tells that it has ever told logind of being
    idle. Both are None where not told.
    """

    id: str
    uid: int
    kind: SessionKind | None
    type: str = ""
    desktop: str = ""
    service: str = ""
    scope: str = ""
    locked: bool | None = None
    reports_idle: bool | None = None


@dataclass(frozen=True)
class Sessions:
    """The open sessions of people; others may be open as well where that is not `certain`."""

    people: tuple[Session, ...]
    certain: bool = True


def read_sessions(host: Witness) -> Sessions:
    """Return the open sessions of people, in logind's order.

    Raises `SourceError` when logind can't be asked. Where there is none on the bus its state files
    are read instead: they tell who was there when it ended, and nobody who came later.
    """
    try:
        listed = _list(host)
    except SourceMissingError:
        return Sessions(_read_state_files(host), certain=False)
    found: list[Session] = []
    vanished: list[Session] = []
    for place, (session_id, uid, path) in enumerate(listed):
        if not is_person(uid):
            continue
        try:
            properties = host.bus_get_all(Bus.SYSTEM, LOGIN, path, SESSION)
        except SourceMissingError:
            vanished.append(Session(session_id, uid, None))
            continue
        except SourceError as error:
            found.append(Session(session_id, uid, None))
            if isinstance(error, SourceTimeoutError):
                # The others would take as long: what is known by then must be told in time.
                rest = [each for each in listed[place + 1 :] if is_person(each[1])]
                found.extend(Session(other, owner, None) for other, owner, _ in rest)
                break
            continue
        try:
            session = parse_session(session_id, uid, properties)
        except SourceConflictError as error:
            host.note(error)
            session = Session(session_id, uid, None)
        found.extend([session] if session is not None else [])
    if vanished:
        # A session that ends while it is asked is gone; one that is still listed went unread.
        still = {session_id for session_id, _, _ in _list(host)}
        found.extend(session for session in vanished if session.id in still)
    return Sessions(tuple(found))


def is_person(uid: int) -> bool:
    """Whether an account with that number is a person's."""
    return uid == 0 or (uid >= FIRST_PERSON and uid != NOBODY)


def parse_session(session_id: str, uid: int, properties: Mapping[str, Any]) -> Session | None:
    """Return the session that logind's properties describe, or None when it is nobody's screen.

    That is a session of another class, or one that is closing: its user has logged out and only
    processes are left. Raises `SourceConflictError` when a property is not what logind documents.
    """
    kind, session_class = _text(properties, "Type"), _text(properties, "Class")
    if not _is_open(session_class, _text(properties, "State")):
        return None
    locked, idle = properties.get("LockedHint"), properties.get("IdleHint")
    since = properties.get("IdleSinceHint")
    return Session(
        session_id,
        uid,
        _kind(kind, remote=properties.get("Remote") is True),
        kind,
        _text(properties, "Desktop", default=""),
        _text(properties, "Service", default=""),
        _text(properties, "Scope", default=""),
        locked if isinstance(locked, bool) else None,
        (idle is True or since > 0) if isinstance(since, int) else None,
    )


def parse_state_file(session_id: str, content: bytes) -> Session | None:
    """Return the session that one of logind's own state files describes, or None as above.

    Raises `SourceConflictError` when it names neither its user nor its class.
    """
    values = key_value.parse(content)
    owner = values.get("UID", "")
    if not (owner.isascii() and owner.isdigit()) or not values.get("CLASS"):
        raise SourceConflictError(f"{STATE_FILES}/{session_id}", "no UID or no CLASS")
    uid = int(owner)
    if not is_person(uid) or not _is_open(values.get("CLASS", ""), values.get("STATE", "")):
        return None
    kind = values.get("TYPE", "")
    return Session(
        session_id,
        uid,
        _kind(kind, remote=values.get("REMOTE") == "1"),
        kind,
        values.get("DESKTOP", ""),
        values.get("SERVICE", ""),
        values.get("SCOPE", ""),
    )


def _list(host: Witness) -> list[tuple[str, int, str]]:
    (listed, *_) = host.bus_call(Bus.SYSTEM, LOGIN, MANAGER_PATH, MANAGER, "ListSessions")
    try:
        found = [(str(entry[0]), int(entry[1]), str(entry[4])) for entry in listed]
    except (IndexError, TypeError, ValueError):
        found = None
    if found is None or len(found) > MOST_SESSIONS:
        error = SourceConflictError(f"{LOGIN} {MANAGER}.ListSessions", "not a list of sessions")
        host.note(error)
        raise error
    return found


def _read_state_files(host: Witness) -> tuple[Session, ...]:
    found: list[Session] = []
    # `2` is the state of session 2, `2.ref` the pipe that keeps it open.
    names = [name for name in host.list_directory(STATE_FILES) if "." not in name]
    for name in names[:MOST_SESSIONS]:
        content = host.read_if_there(f"{STATE_FILES}/{name}")
        session = None if content is None else parse_state_file(name, content)
        found.extend([session] if session is not None else [])
    return tuple(found)


def _text(properties: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    value = properties.get(name, default)
    if not isinstance(value, str):
        raise SourceConflictError(f"{LOGIN} {SESSION}.{name}", "not a text")
    return value


def _is_open(session_class: str, state: str) -> bool:
    return session_class.startswith("user") and state != "closing"


def _kind(session_type: str, *, remote: bool) -> SessionKind:
    if session_type in GRAPHICAL_TYPES:
        return SessionKind.GRAPHICAL
    return SessionKind.REMOTE if remote else SessionKind.TERMINAL
