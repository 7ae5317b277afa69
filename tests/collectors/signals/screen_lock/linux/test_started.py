"""Desktops that were started by hand from a terminal."""

from typing import Any

from passmuster_collectors.signals.screen_lock.linux import read_people
from passmuster_collectors.signals.screen_lock.linux.sessions import SessionKind
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost


def kinds(recorded: dict[str, Any]) -> dict[str, tuple[SessionKind | None, str]]:
    sessions = read_people(Witness(RecordedHost(recorded)))
    return {each.id: (each.kind, each.desktop) for each in sessions.people}


def terminal(name: str, uid: int = 1000) -> dict[str, Any]:
    return session(name, uid, kind="tty", desktop="", service="login")


def program(name: str, pid: int = 60, uid: int = 1000) -> dict[str, Any]:
    return {"pid": pid, "uid": uid, "name": name}


def test_a_compositor_makes_the_terminal_graphical_and_names_the_desktop() -> None:
    found = kinds(machine(terminal("3"), processes=(program("sway"),)))
    assert found == {"3": (SessionKind.GRAPHICAL, "sway")}


def test_startx_does_too() -> None:
    found = kinds(machine(terminal("3"), processes=(program("xinit"), program("i3", 61))))
    assert found == {"3": (SessionKind.GRAPHICAL, "i3")}


def test_a_display_server_alone_leaves_the_desktop_unnamed() -> None:
    assert kinds(machine(terminal("3"), processes=(program("Xorg"),))) == {
        "3": (SessionKind.GRAPHICAL, "")
    }


def test_a_shell_leaves_a_terminal_a_terminal() -> None:
    found = kinds(machine(terminal("3"), processes=(program("bash"), program("vim", 61))))
    assert found == {"3": (SessionKind.TERMINAL, "")}


def test_somebody_elses_compositor_changes_nothing() -> None:
    found = kinds(machine(terminal("3"), processes=(program("sway", uid=1001),)))
    assert found["3"][0] is SessionKind.TERMINAL


def test_beside_a_graphical_session_of_the_same_person_it_is_that_ones() -> None:
    recorded = machine(session("2"), terminal("3"), processes=(program("gnome-shell"),))
    assert kinds(recorded)["3"][0] is SessionKind.TERMINAL


def test_of_several_terminals_it_is_the_one_with_the_compositor_in_its_group() -> None:
    group = "/sys/fs/cgroup/user.slice/user-1000.slice/session-4.scope/cgroup.procs"
    recorded = machine(
        terminal("3"), terminal("4"), processes=(program("sway"),), files={group: "59\n60\n"}
    )
    assert {name: kind for name, (kind, _) in kinds(recorded).items()} == {
        "3": SessionKind.TERMINAL,
        "4": SessionKind.GRAPHICAL,
    }


def test_hidden_processes_leave_a_terminals_kind_open() -> None:
    recorded = machine(terminal("3"), refuse={"processes": {"error": "denied"}})
    assert kinds(recorded) == {"3": (None, "")}


def test_processes_are_not_asked_for_without_a_terminal() -> None:
    recorded = machine(session("2"), refuse={"processes": {"error": "denied"}})
    assert kinds(recorded) == {"2": (SessionKind.GRAPHICAL, "gnome")}
