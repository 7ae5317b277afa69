"""When a Mac's screen asks for a password, from its settings."""

from collections.abc import Mapping

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown

Seconds = int | Unknown | None
"""Seconds; None is never."""


def lock_after(
    idle_s: int | Unknown, display_sleep_min: Mapping[str, int] | Unknown, grace_s: Seconds
) -> Seconds:
    """Return the seconds without input until the password is asked for, on the worst power source.

    The screen goes dark when the screen saver starts (`idle_s`) or the display sleeps, whichever
    comes first; 0 is never for both. The grace runs from then on; None is a password that is never
    asked for. Where one of the two times is unknown the other one is told: it can only be sooner.
    """
    if grace_s is None:
        return None
    sources = [UNKNOWN] if display_sleep_min == UNKNOWN else _seconds(display_sleep_min)
    dark = [_first(idle_s, display_s) for display_s in sources]
    if None in dark:
        return None
    known = [each for each in dark if isinstance(each, int)]
    if len(known) != len(dark) or not known or grace_s == UNKNOWN:
        return UNKNOWN
    return max(known) + grace_s


def _seconds(minutes: Mapping[str, int]) -> list[int | Unknown]:
    return [each * 60 for each in minutes.values()]


def _first(*times: int | Unknown) -> Seconds:
    happening = [time for time in times if isinstance(time, int) and time > 0]
    if happening:
        return min(happening)
    return UNKNOWN if UNKNOWN in times else None
