"""Which desktop a session runs."""

import re
from collections.abc import Mapping
from enum import StrEnum

from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.sessions import Session

LONGEST_NAME = 64
STRANGE = re.compile(r"[^a-z0-9_. -]")


class Desktop(StrEnum):
    """A desktop whose lock can be read; the value is what is reported."""

    GNOME = "gnome"
    KDE = "kde"
    XFCE = "xfce"
    CINNAMON = "cinnamon"
    MATE = "mate"
    SWAY = "sway"
    HYPRLAND = "hyprland"
    RIVER = "river"
    LABWC = "labwc"
    NIRI = "niri"
    WAYFIRE = "wayfire"
    I3 = "i3"
    BSPWM = "bspwm"
    AWESOME = "awesome"
    OPENBOX = "openbox"
    DWM = "dwm"
    QTILE = "qtile"
    XMONAD = "xmonad"


# What display managers and the desktops themselves call them, in lower case.
NAMES: Mapping[str, Desktop] = {
    "gnome": Desktop.GNOME,
    "gnome-xorg": Desktop.GNOME,
    "gnome-wayland": Desktop.GNOME,
    "gnome-classic": Desktop.GNOME,
    "gnome-classic-xorg": Desktop.GNOME,
    "gnome-classic-wayland": Desktop.GNOME,
    "ubuntu": Desktop.GNOME,
    "ubuntu-xorg": Desktop.GNOME,
    "ubuntu-wayland": Desktop.GNOME,
    "pop": Desktop.GNOME,
    "zorin": Desktop.GNOME,
    "kde": Desktop.KDE,
    "plasma": Desktop.KDE,
    "plasma5": Desktop.KDE,
    "plasma6": Desktop.KDE,
    "plasmax11": Desktop.KDE,
    "plasmawayland": Desktop.KDE,
    "plasma-wayland": Desktop.KDE,
    "kde-plasma": Desktop.KDE,
    "xfce": Desktop.XFCE,
    "xfce4": Desktop.XFCE,
    "xubuntu": Desktop.XFCE,
    "xfce-wayland": Desktop.XFCE,
    "cinnamon": Desktop.CINNAMON,
    "x-cinnamon": Desktop.CINNAMON,
    "cinnamon-wayland": Desktop.CINNAMON,
    "cinnamon2d": Desktop.CINNAMON,
    "mate": Desktop.MATE,
    "ubuntu-mate": Desktop.MATE,
    **{each.value: each for each in Desktop if each.value not in ("gnome", "kde")},
    "hyprland-uwsm": Desktop.HYPRLAND,
    "sway-uwsm": Desktop.SWAY,
    "i3-with-shmlog": Desktop.I3,
}

# They are kin of a desktop above (`Budgie:GNOME`) and lock in a way of their own.
OTHERS = frozenset({"budgie", "budgie-desktop", "pantheon", "unity", "gnome-flashback", "deepin"})


def identify(session: Session, surroundings: Surroundings) -> tuple[str, Desktop | None]:
    """Return the desktop's name for the report, and which desktop it is if its lock can be read.

    The display manager's word counts before `XDG_CURRENT_DESKTOP`, a list of names of which the
    first is the desktop and the others are its kin.
    """
    words = [session.desktop, *surroundings.get("XDG_CURRENT_DESKTOP").split(":")]
    names = [word.lower() for word in words if word]
    for name in names:
        if name in OTHERS:
            return _reported(name), None
        if name in NAMES:
            return NAMES[name].value, NAMES[name]
    return _reported(names[0]) if names else "unknown", None


def by_name(reported: str) -> tuple[str, Desktop | None]:
    """Return a name as it may be reported, and which desktop it is if its lock can be read."""
    name = _reported(reported)
    return name, Desktop(name) if name in set(Desktop) else None


def _reported(name: str) -> str:
    # The session's owner chooses this text.
    return STRANGE.sub("", name)[:LONGEST_NAME] or "unknown"
