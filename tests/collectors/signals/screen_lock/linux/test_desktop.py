"""Which desktop a session runs, and what surrounds its programs."""

from collections.abc import Mapping
from typing import Any

import pytest

from passmuster_collectors.signals.screen_lock.linux.desktop import Desktop, identify
from passmuster_collectors.signals.screen_lock.linux.environment import (
    Surroundings,
    read_surroundings,
)
from passmuster_collectors.signals.screen_lock.linux.sessions import (
    Session,
    SessionKind,
    read_sessions,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost


def identified(word: str, current: str = "") -> tuple[str, Desktop | None]:
    surroundings = Surroundings("/home/worker1000", None, {"XDG_CURRENT_DESKTOP": current})
    return identify(Session("2", 1000, SessionKind.GRAPHICAL, desktop=word), surroundings)


@pytest.mark.parametrize(
    ("word", "desktop"),
    [
        ("gnome", Desktop.GNOME),
        ("ubuntu-xorg", Desktop.GNOME),
        ("KDE", Desktop.KDE),
        ("plasmawayland", Desktop.KDE),
        ("xfce", Desktop.XFCE),
        ("cinnamon", Desktop.CINNAMON),
        ("mate", Desktop.MATE),
        ("Hyprland", Desktop.HYPRLAND),
    ],
)
def test_the_display_managers_word_names_it(word: str, desktop: Desktop) -> None:
    assert identified(word) == (desktop.value, desktop)


@pytest.mark.parametrize(
    ("current", "desktop"),
    [
        ("ubuntu:GNOME", Desktop.GNOME),
        ("pop:GNOME", Desktop.GNOME),
        ("KDE", Desktop.KDE),
        ("X-Cinnamon", Desktop.CINNAMON),
        ("sway:wlroots", Desktop.SWAY),
    ],
)
def test_without_it_the_sessions_own_name_counts(current: str, desktop: Desktop) -> None:
    assert identified("", current)[1] is desktop
    assert identified("default", current)[1] is desktop


def test_the_display_managers_word_beats_the_sessions_own() -> None:
    assert identified("sway", "GNOME")[1] is Desktop.SWAY


@pytest.mark.parametrize("current", ["Budgie:GNOME", "Unity:GNOME", "GNOME-Flashback:GNOME"])
def test_kin_of_gnome_that_lock_in_their_own_way_are_not_gnome(current: str) -> None:
    name, desktop = identified("", current)
    assert desktop is None
    assert name == current.partition(":")[0].lower()


def test_a_desktop_that_nobody_knows_is_named_but_not_read() -> None:
    assert identified("deepin") == ("deepin", None)
    assert identified("") == ("unknown", None)


def test_a_name_that_is_no_name_is_cut_to_one() -> None:
    assert identified("<b>evil\n\0</b>") == ("bevilb", None)
    assert identified("é\x1b") == ("unknown", None)
    assert len(identified("x" * 500)[0]) == 64


def surroundings(*processes: Mapping[str, Any], **sections: Any) -> Surroundings:
    recorded = machine(session("2"), processes=processes, **sections)
    host = Witness(RecordedHost(recorded))
    return read_surroundings(host, read_sessions(host).people[0])


def program(pid: int, session_id: str, desktop: str, uid: int = 1000) -> dict[str, Any]:
    variables = {"XDG_SESSION_ID": session_id, "XDG_CURRENT_DESKTOP": desktop}
    return {"pid": pid, "uid": uid, "name": "program", "environment": variables}


def test_variables_come_from_a_program_of_that_very_session() -> None:
    found = surroundings(program(40, "9", "sway"), program(41, "2", "GNOME"))
    assert found.get("XDG_CURRENT_DESKTOP") == "GNOME"


def test_another_users_program_is_not_believed() -> None:
    assert surroundings(program(41, "2", "KDE", uid=1001)).variables is None


def test_the_sessions_control_group_is_enough_where_processes_are_hidden() -> None:
    group = "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/cgroup.procs"
    found = surroundings(
        program(41, "2", "GNOME"),
        files={group: "40\n41\n"},
        refuse={"processes": {"error": "denied"}},
    )
    assert found.get("XDG_CURRENT_DESKTOP") == "GNOME"


def test_folders_that_are_not_absolute_are_passed_over() -> None:
    variables = {"XDG_CONFIG_HOME": "relative", "XDG_CONFIG_DIRS": "/a/:b::/c"}
    found = Surroundings("/home/worker1000", None, variables)
    assert found.config_home == "/home/worker1000/.config"
    assert found.folders("XDG_CONFIG_DIRS", "/etc/xdg") == ("/a", "/c")
    assert found.folders("XDG_DATA_DIRS", "/usr/share") == ("/usr/share",)
