"""Desktops that were started by hand from a terminal.

logind goes on calling such a session a terminal (`startx`, `sway` typed at the console), so its
owner's processes are looked at: a display server or window manager makes it graphical.
"""

import dataclasses
from collections.abc import Sequence

from passmuster_collectors.host.answers import Process
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.screen_lock.linux.environment import scope_members
from passmuster_collectors.signals.screen_lock.linux.sessions import Session, SessionKind
from passmuster_collectors.signals.screen_lock.linux.witness import Witness

# Names of processes. Those of the first group say which desktop it is.
WINDOW_MANAGERS = frozenset(
    {
        "sway",
        "Hyprland",
        "river",
        "labwc",
        "niri",
        "wayfire",
        "i3",
        "bspwm",
        "awesome",
        "openbox",
        "dwm",
        "qtile",
        "xmonad",
    }
)
DESKTOPS = {
    "gnome-shell": "gnome",
    "plasmashell": "kde",
    "xfce4-session": "xfce",
    "cinnamon": "cinnamon",
    "mate-session": "mate",
}
DISPLAY_SERVERS = frozenset({"Xorg", "X", "xinit", "weston", "kwin_wayland", "kwin_x11", "cage"})


def with_started_desktops(host: Witness, sessions: Sequence[Session]) -> tuple[Session, ...]:
    """Return the sessions, those on a terminal of this laptop that run a desktop as graphical.

    A terminal's kind is None where processes can't be seen.
    """
    graphical = {each.uid for each in sessions if each.kind is SessionKind.GRAPHICAL}
    found = list(sessions)
    for uid in dict.fromkeys(each.uid for each in sessions if each.kind is SessionKind.TERMINAL):
        if uid in graphical:
            continue
        places = [
            place
            for place, each in enumerate(sessions)
            if each.uid == uid and each.kind is SessionKind.TERMINAL
        ]
        try:
            desktops = [each for each in host.processes_of(uid) if _shows_something(each)]
        except SourceError:
            for place in places:
                found[place] = dataclasses.replace(found[place], kind=None)
            continue
        if desktops:
            place = _place_of(host, desktops, found, places)
            name = next((called for each in desktops if (called := _desktop_name(each))), "")
            found[place] = dataclasses.replace(
                found[place], kind=SessionKind.GRAPHICAL, desktop=found[place].desktop or name
            )
    return tuple(found)


def _shows_something(process: Process) -> bool:
    return process.name in WINDOW_MANAGERS | DESKTOPS.keys() | DISPLAY_SERVERS


def _desktop_name(process: Process) -> str:
    if process.name in WINDOW_MANAGERS:
        return process.name
    return DESKTOPS.get(process.name, "")


def _place_of(
    host: Witness, desktops: Sequence[Process], sessions: Sequence[Session], places: Sequence[int]
) -> int:
    pids = {process.pid for process in desktops}
    if len(places) > 1:
        for place in places:
            if pids & set(scope_members(host, sessions[place])):
                return place
    return places[0]
