"""Who is logged in to this Mac with a desktop, and whose screen is locked now.

From the root of the I/O registry (ioreg(8)): the window server keeps one entry there for every
login session, the ones switched away from included.
"""

from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import printed_plist

CONSOLE = "/dev/console"
REGISTRY = "ioreg IOConsoleUsers"
MAX_SESSIONS = 256
LOGIN_WINDOW = "loginwindow"


@dataclass(frozen=True)
class ConsoleSession:
    """A person's login session. `uid` is None where the window server does not tell it."""

    uid: int | None
    name: str
    in_front: bool
    locked: bool | Unknown


def read_console(host: Host, inquiry: Inquiry) -> tuple[ConsoleSession, ...] | None:
    """Return the login sessions of people; None where it can't be told who is logged in.

    The kernel gives the console's device to whoever sits in front: both have to name the same
    person.
    """
    sessions = inquiry.ask(REGISTRY, lambda: _sessions(host))
    console = inquiry.ask(CONSOLE, lambda: host.file_status(CONSOLE))
    if sessions is None or console is None:
        return None
    in_front = {session.uid for session in sessions if session.in_front}
    if in_front != ({console.owner} if console.owner or 0 in in_front else set()):
        inquiry.contradict(CONSOLE, "belongs to somebody else than the session in front")
        return None
    return sessions


def parse_console(value: Any) -> tuple[ConsoleSession, ...]:
    """Return the people's sessions in `IOConsoleUsers`. Raises `SourceConflictError`.

    The login window and the assistant that sets up a Mac have sessions of their own.
    """
    users = value.get("IOConsoleUsers") if isinstance(value, dict) else None
    if not isinstance(users, list) or len(users) > MAX_SESSIONS:
        raise SourceConflictError(REGISTRY, "no list of sessions")
    found = []
    for user in users:
        if not isinstance(user, dict):
            raise SourceConflictError(REGISTRY, "a session that is not a dictionary")
        name = user.get("kCGSSessionUserNameKey")
        if not isinstance(name, str) or not name:
            raise SourceConflictError(REGISTRY, "a session without a name")
        is_person = not name.startswith("_") and name != LOGIN_WINDOW
        if is_person and user.get("kCGSessionLoginDoneKey") is not False:
            found.append(_session(name, user))
    return tuple(found)


def _session(name: str, user: dict[str, Any]) -> ConsoleSession:
    uid = user.get("kCGSSessionUserIDKey")
    in_front = user.get("kCGSSessionOnConsoleKey")
    if not isinstance(in_front, bool):
        raise SourceConflictError(REGISTRY, "a session that is neither in front nor behind")
    locked = user.get("CGSSessionScreenIsLocked", False)
    is_telling = isinstance(locked, bool) and (in_front or locked)
    return ConsoleSession(
        uid=uid if type(uid) is int and uid >= 0 else None,
        name=name,
        in_front=in_front,
        locked=locked if is_telling else UNKNOWN,
    )


def _sessions(host: Host) -> tuple[ConsoleSession, ...]:
    return parse_console(printed_plist(host, Program.IOREG, "-n", "Root", "-d1", "-a"))
