"""Whether a screen is locked now, and whether a program holds the lock off."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.signals.screen_lock.linux.activity import is_inhibited, is_locked
from passmuster_collectors.signals.screen_lock.linux.desktop import Desktop
from passmuster_collectors.signals.screen_lock.linux.sessions import read_sessions
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost

GNOME_SAVER = ("session org.gnome.ScreenSaver /org/gnome/ScreenSaver", "org.gnome.ScreenSaver")
KDE_SAVER = ("session org.freedesktop.ScreenSaver /ScreenSaver", "org.freedesktop.ScreenSaver")
XFCE_SAVER = ("session org.xfce.ScreenSaver /org/xfce/ScreenSaver", "org.xfce.ScreenSaver")
GNOME_INHIBITORS = (
    "session org.gnome.SessionManager /org/gnome/SessionManager",
    "org.gnome.SessionManager",
)
KDE_INHIBITORS = (
    "session org.kde.Solid.PowerManagement.PolicyAgent /org/kde/Solid/PowerManagement/PolicyAgent",
    "org.kde.Solid.PowerManagement.PolicyAgent",
)


def answers(place: tuple[str, str], **methods: Any) -> dict[str, Any]:
    path, interface = place
    return {path: {interface: {"methods": methods}}}


def locked(
    desktop: Desktop | None, *, hint: bool = False, uid: int = 1000, bus: Any = None
) -> object:
    recorded = machine(session("2", locked=hint), uid=uid, bus=bus)
    host = Witness(RecordedHost(recorded))
    return is_locked(host, read_sessions(host).people[0], desktop)


def inhibited(desktop: Desktop | None, *, uid: int = 1000, **sections: Any) -> object:
    host = Witness(RecordedHost(machine(session("2"), uid=uid, **sections)))
    return is_inhibited(host, read_sessions(host).people[0], desktop)


@pytest.mark.parametrize("desktop", [Desktop.GNOME, Desktop.KDE])
def test_desktops_that_tell_logind_are_believed_both_ways(desktop: Desktop) -> None:
    assert locked(desktop, hint=True) is True
    assert locked(desktop, hint=False) is False


@pytest.mark.parametrize("desktop", [Desktop.SWAY, Desktop.XFCE, None])
def test_of_others_not_locked_says_nothing(desktop: Desktop | None) -> None:
    assert locked(desktop, hint=False) == UNKNOWN
    assert locked(desktop, hint=True) is True


def test_a_desktop_that_contradicts_its_hint_is_not_believed() -> None:
    bus = answers(GNOME_SAVER, GetActive=[False])
    assert locked(Desktop.GNOME, hint=True, bus=bus) == UNKNOWN


def test_gnomes_blank_screen_is_not_a_locked_one() -> None:
    assert locked(Desktop.GNOME, hint=False, bus=answers(GNOME_SAVER, GetActive=[True])) is False
    assert locked(Desktop.GNOME, hint=True, bus=answers(GNOME_SAVER, GetActive=[True])) is True


def test_where_the_hint_says_nothing_the_screen_saver_is_believed() -> None:
    assert locked(Desktop.XFCE, bus=answers(XFCE_SAVER, GetActive=[True])) is True
    assert locked(Desktop.XFCE, bus=answers(XFCE_SAVER, GetActive=[False])) is False


def test_kdes_own_answer_counts() -> None:
    assert locked(Desktop.KDE, bus=answers(KDE_SAVER, GetActive=[True])) is True


@pytest.mark.parametrize("uid", [0, 1001])
def test_anothers_session_bus_is_not_asked(uid: int) -> None:
    bus = answers(XFCE_SAVER, GetActive=[True])
    assert locked(Desktop.XFCE, uid=uid, bus=bus) == UNKNOWN


@pytest.mark.parametrize("answer", [[], ["yes"], {"error": "timeout"}])
def test_an_answer_of_no_use_is_none(answer: Any) -> None:
    assert locked(Desktop.XFCE, bus=answers(XFCE_SAVER, GetActive=answer)) == UNKNOWN


@pytest.mark.parametrize("held", [True, False])
def test_gnome_and_kde_say_whether_something_holds_the_lock_off(held: bool) -> None:
    gnome = answers(GNOME_INHIBITORS, **{"IsInhibited(8)": [held]})
    assert inhibited(Desktop.GNOME, bus=gnome) is held
    kde = answers(KDE_INHIBITORS, **{"HasInhibition(5)": [held]})
    assert inhibited(Desktop.KDE, bus=kde) is held


def test_without_their_bus_it_is_unknown() -> None:
    gnome = answers(GNOME_INHIBITORS, **{"IsInhibited(8)": [False]})
    assert inhibited(Desktop.GNOME, uid=0, bus=gnome) == UNKNOWN
    assert inhibited(Desktop.GNOME) == UNKNOWN


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), False),
        ((("sleep", "delay"),), False),
        ((("idle", "delay"),), False),
        ((("idle", "block"),), True),
        ((("sleep:idle:shutdown", "block-weak"),), True),
    ],
)
def test_bare_window_managers_go_by_loginds_inhibitors(
    held: tuple[tuple[str, str], ...], expected: bool
) -> None:
    assert inhibited(Desktop.SWAY, inhibitors=held) is expected


def test_an_unknown_desktop_may_be_held_off_by_anything() -> None:
    assert inhibited(None) == UNKNOWN
