"""What a desktop does when nobody is there."""

from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown

Seconds = int | Unknown | None


@dataclass(frozen=True)
class LockSetting:
    """How a session is set to lock.

    `lock_after_s`, `grace_s` and `enforced` are the facts of the same names. `on_sleep` tells
    whether the session is locked before the laptop sleeps. `idle_after_s` is when the desktop tells
    logind that the session is idle: null means never.
    """

    lock_after_s: Seconds
    grace_s: Seconds
    enforced: bool | Unknown
    on_sleep: bool | Unknown
    idle_after_s: Seconds = UNKNOWN


UNREAD = LockSetting(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)


def sum_of(*parts: Seconds) -> Seconds:
    """Return the sum of times that follow each other: never if one is never, else unknown."""
    if any(part is None for part in parts):
        return None
    total = 0
    for part in parts:
        if part is None or part == UNKNOWN:
            return UNKNOWN
        total += part
    return total


def earliest(times: tuple[Seconds, ...]) -> Seconds:
    """Return the first of times of which each one suffices.

    An unknown one might be earlier still, but what is known already happens: the known one is
    told. Without a known one an unknown one is unknown, and none at all is never.
    """
    known = [time for time in times if isinstance(time, int)]
    if known:
        return min(known)
    return UNKNOWN if any(time == UNKNOWN for time in times) else None


def latest(times: tuple[Seconds, ...]) -> Seconds:
    """Return the last of times that are all needed: never before unknown, unknown before a time."""
    if any(time is None for time in times):
        return None
    known = [time for time in times if isinstance(time, int)]
    return max(known) if known and len(known) == len(times) else UNKNOWN


def all_of(answers: tuple[bool | Unknown, ...]) -> bool | Unknown:
    """Return whether all are true: one false decides, else one unknown leaves it open."""
    if any(answer is False for answer in answers):
        return False
    return UNKNOWN if any(answer == UNKNOWN for answer in answers) else True
