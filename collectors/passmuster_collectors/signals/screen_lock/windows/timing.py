"""When Windows asks for a password, of all the settings that can make it do so."""

from collections.abc import Sequence
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown

Seconds = int | Unknown | None
"""Seconds; None is never."""


@dataclass(frozen=True)
class Cause:
    """One thing that locks a session: after how long on mains and on battery, and by whose will.

    `grace_s` is the part of these times in which the screen is dark and nothing is asked for.
    """

    mains_s: Seconds
    battery_s: Seconds
    grace_s: Seconds = 0
    enforced: bool | Unknown = False


@dataclass(frozen=True)
class SessionLock:
    """How one person's session is set to lock; the names are those of the facts."""

    lock_after_s: Seconds
    grace_s: Seconds
    enforced: bool | Unknown


NEVER = SessionLock(None, None, enforced=False)
UNCLEAR = SessionLock(UNKNOWN, UNKNOWN, enforced=UNKNOWN)


def combined(causes: Sequence[Cause], *, on_battery: bool) -> SessionLock:
    """Return what the causes come to on the worst power source.

    On each source the first to act counts. Where one is unknown and another one known, the known
    one is told: the lock can only come sooner. `on_battery`: whether there is a battery to run on.
    """
    mains = _first([(cause.mains_s, cause) for cause in causes])
    battery = _first([(cause.battery_s, cause) for cause in causes]) if on_battery else mains
    found = (mains, battery)
    if any(after is None for after, _ in found):
        return NEVER
    if any(after == UNKNOWN for after, _ in found):
        return UNCLEAR
    after, cause = max(found, key=_seconds)
    enforced = mains[1].enforced is True and battery[1].enforced is True
    return SessionLock(after, cause.grace_s, enforced)


def _first(times: Sequence[tuple[Seconds, Cause]]) -> tuple[Seconds, Cause]:
    known = [time for time in times if isinstance(time[0], int)]
    if known:
        return min(known, key=_seconds)
    unknown = any(after == UNKNOWN for after, _ in times)
    return (UNKNOWN if unknown else None), Cause(None, None)


def _seconds(time: tuple[Seconds, Cause]) -> int:
    after = time[0]
    return after if isinstance(after, int) else 0
