"""The two settings of a Mac's screen lock that only the person's own session knows.

Root enters the session to read them. The companion, which lives there, reads them too and fills
what root was not told.
"""

from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Source, SourceOutcome
from passmuster_collectors.host.base import (
    COMPANION,
    Host,
    SourceError,
    SourceMissingError,
)
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import succeeded
from passmuster_collectors.signals.screen_lock.macos.console import ConsoleSession
from passmuster_collectors.signals.screen_lock.macos.settings import parse_grace, parse_number
from passmuster_collectors.signals.screen_lock.macos.timing import Seconds
from passmuster_collectors.signals.testimony import differ, filled, said_by_companion

SIGNAL = "screen_lock"
IDLE = "defaults com.apple.screensaver"
GRACE = "sysadminctl -screenLock"


@dataclass(frozen=True)
class LockTestimony:
    """How long without input until the screen saver starts, and from then until a password."""

    idle_s: int | Unknown
    grace_s: int | Unknown | None


def testify(host: Host) -> LockTestimony:
    """Return what a companion says of the session it runs in. Raises `SourceError`."""
    inquiry = Inquiry()
    found = read_personal(host, inquiry, host.uid)
    if found.idle_s == UNKNOWN and found.grace_s == UNKNOWN:
        for each in (_read_idle, _read_grace):
            each(host, host.uid)  # raises where it was refused
    return found


def read_personal(host: Host, inquiry: Inquiry, uid: int) -> LockTestimony:
    """Return the two settings of a person; what was refused is noted and told as unknown."""
    return LockTestimony(
        idle_s=inquiry.ask(IDLE, lambda: _read_idle(host, uid), otherwise=UNKNOWN),
        grace_s=inquiry.ask(GRACE, lambda: _read_grace(host, uid), otherwise=UNKNOWN),
    )


def with_companion(host: Host, inquiry: Inquiry, session: ConsoleSession) -> LockTestimony:
    """Return the two settings of a session by what is read here and what its companion says.

    What contradicts itself here is not for the companion to settle, and where the two differ both
    are asked once more: a change between two answers looks like a contradiction.
    """
    if session.uid is None:
        inquiry.contradict("ioreg IOConsoleUsers", "a session without a user number")
        return LockTestimony(UNKNOWN, UNKNOWN)
    if session.uid == host.uid:
        return read_personal(host, inquiry, session.uid)
    asked = _both(host, session.uid)
    if _differing(asked):
        asked = _both(host, session.uid)
    own, said, noted = asked
    inquiry.sources += noted.sources
    if said is None:
        return own
    if what := _differing(asked):
        inquiry.contradict(COMPANION, f"it says something else of {what}")
        return LockTestimony(UNKNOWN, UNKNOWN)
    contradictory = {each.name for each in noted.sources if each.outcome is SourceOutcome.CONFLICT}
    return LockTestimony(
        own.idle_s if IDLE in contradictory else filled(own.idle_s, said.idle_s),
        own.grace_s if GRACE in contradictory else filled(own.grace_s, said.grace_s),
    )


Asked = tuple[LockTestimony, LockTestimony | None, Inquiry]


def _both(host: Host, uid: int) -> Asked:
    """Return what is read here, what the companion says, and how each source answered."""
    inquiry = Inquiry()
    own = read_personal(host, inquiry, uid)
    try:
        said = said_by_companion(host, uid, SIGNAL, LockTestimony)
    except SourceMissingError:
        return own, None, inquiry  # nobody is missed where all could be read
    except SourceError as error:
        inquiry.sources.append(error.source())
        return own, None, inquiry
    inquiry.sources.append(Source(COMPANION, SourceOutcome.READ))
    return own, said, inquiry


def _differing(asked: Asked) -> str:
    own, said, _ = asked
    if said is None:
        return ""
    names = ("idle_s", "grace_s")
    return ", ".join(name for name in names if differ(getattr(own, name), getattr(said, name)))


def _read_idle(host: Host, uid: int) -> int | Unknown:
    arguments = ("-currentHost", "read", "com.apple.screensaver", "idleTime")
    idle_s = parse_number(host.run(Program.DEFAULTS, *arguments, user=uid))
    return UNKNOWN if idle_s is None else idle_s


def _read_grace(host: Host, uid: int) -> Seconds:
    completed = host.run(Program.SYSADMINCTL, "-screenLock", "status", user=uid)
    succeeded(Program.SYSADMINCTL, completed)
    return parse_grace(completed.stderr)
