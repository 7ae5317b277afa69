"""Which screen locks are good enough."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import UNKNOWN, Whole
from passmuster_collectors.contract.verdict import Outcome
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.signal import UNREADABLE as UNREADABLE_KEY
from passmuster_collectors.signals.signal import Finding, finding
from passmuster_collectors.signals.strictness import Stricter
from passmuster_collectors.text import durations


class Problem(StrEnum):
    """What can be wrong with a screen lock.

    The way to the setting differs from desktop to desktop, so there is a problem for each family of
    them; the plain one is for what has no family.
    """

    NEVER_LOCKS = "never_locks"
    NEVER_LOCKS_GNOME = "never_locks_gnome"
    NEVER_LOCKS_KDE = "never_locks_kde"
    NEVER_LOCKS_XFCE = "never_locks_xfce"
    NEVER_LOCKS_CINNAMON = "never_locks_cinnamon"
    NEVER_LOCKS_MATE = "never_locks_mate"
    NEVER_LOCKS_WAYLAND = "never_locks_wayland"
    NEVER_LOCKS_X11 = "never_locks_x11"
    LOCKS_TOO_LATE = "locks_too_late"
    LOCKS_TOO_LATE_GNOME = "locks_too_late_gnome"
    LOCKS_TOO_LATE_KDE = "locks_too_late_kde"
    LOCKS_TOO_LATE_XFCE = "locks_too_late_xfce"
    LOCKS_TOO_LATE_CINNAMON = "locks_too_late_cinnamon"
    LOCKS_TOO_LATE_MATE = "locks_too_late_mate"
    LOCKS_TOO_LATE_WAYLAND = "locks_too_late_wayland"
    LOCKS_TOO_LATE_X11 = "locks_too_late_x11"
    INHIBITED = "inhibited"
    UNCLEAR = "unclear"
    UNREADABLE = UNREADABLE_KEY


FAMILIES: Mapping[str, str] = {
    "gnome": "gnome",
    "kde": "kde",
    "xfce": "xfce",
    "cinnamon": "cinnamon",
    "mate": "mate",
    **dict.fromkeys(("sway", "hyprland", "river", "labwc", "niri", "wayfire"), "wayland"),
    **dict.fromkeys(("i3", "bspwm", "awesome", "openbox", "dwm", "qtile", "xmonad"), "x11"),
}
"""The family of each desktop, by the name that a laptop reports."""

NAMES: Mapping[str, str] = {
    "gnome": "GNOME",
    "kde": "KDE Plasma",
    "xfce": "Xfce",
    "cinnamon": "Cinnamon",
    "mate": "MATE",
    "sway": "Sway",
    "hyprland": "Hyprland",
    "macos": "macOS",
    "windows": "Windows",
    "unknown": "an unknown desktop",
}
"""How people write a desktop's name; others are shown as reported."""


@dataclass(frozen=True)
class ScreenLockLimits:
    """How a screen has to lock: `lock_within_s` in seconds since the last input, grace included."""

    lock_within_s: Annotated[int, Whole(least=30, most=86_400), Stricter.LOWER] = 600
    forbid_inhibitors: Annotated[bool, Stricter.YES] = False


def judge(facts: ScreenLockFacts, limits: ScreenLockLimits) -> tuple[Finding, ...]:
    """Return what is wrong with the screen locks. Every session counts, not only the one in front.

    That a program holds the lock off is no failure by default: a video call does it.
    """
    if not facts.sessions:
        return (finding(Problem.UNCLEAR, Outcome.UNKNOWN, desktop=NAMES["unknown"]),)
    return tuple(found for session in facts.sessions for found in _judge(session, limits))


def _judge(session: LockSession, limits: ScreenLockLimits) -> Iterator[Finding]:
    details = {
        "desktop": NAMES.get(session.desktop, session.desktop),
        "limit": durations.in_words(limits.lock_within_s),
        # A minute less than the limit leaves room for a grace of some seconds.
        "minutes": max(1, (limits.lock_within_s - 60) // 60),
    }
    if session.lock_after_s == UNKNOWN:
        yield finding(Problem.UNCLEAR, Outcome.UNKNOWN, desktop=details["desktop"])
    elif session.lock_after_s is None:
        yield finding(_of_family(Problem.NEVER_LOCKS, session), Outcome.FAIL, **details)
    elif session.lock_after_s > limits.lock_within_s:
        found = durations.in_words(session.lock_after_s)
        problem = _of_family(Problem.LOCKS_TOO_LATE, session)
        yield finding(problem, Outcome.FAIL, found=found, **details)
    if limits.forbid_inhibitors and session.inhibited is True:
        yield finding(Problem.INHIBITED, Outcome.FAIL, **details)


def _of_family(problem: Problem, session: LockSession) -> Problem:
    family = FAMILIES.get(session.desktop)
    return problem if family is None else Problem(f"{problem.value}_{family}")
