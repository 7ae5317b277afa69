"""Who has a session open, by logind and by what it leaves behind."""

from typing import Any

import pytest

from passmuster_collectors.host.base import (
    SourceConflictError,
    SourceDeniedError,
    SourceMissingError,
    SourceTimeoutError,
)
from passmuster_collectors.signals.screen_lock.linux.sessions import (
    Session,
    SessionKind,
    parse_session,
    parse_state_file,
    read_sessions,
)
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import LOGIN, MANAGER, machine, session
from tests.support.recorded_host import RecordedHost

STATE = """# This is private data. Do not parse.
UID=1000
USER=worker1000
ACTIVE=1
STATE=active
REMOTE=0
TYPE=wayland
CLASS=user
SCOPE=session-2.scope
SEAT=seat0
SERVICE=gdm-password
DESKTOP=gnome
"""
LIST = f"system {LOGIN} {MANAGER}"


def found(recorded: dict[str, Any]) -> tuple[Session, ...]:
    return read_sessions(Witness(RecordedHost(recorded))).people


def ids(recorded: dict[str, Any]) -> list[str]:
    return [each.id for each in found(recorded)]


def without_logind(**files: Any) -> dict[str, Any]:
    return {"files": {f"/run/systemd/sessions/{name[1:]}": text for name, text in files.items()}}


def refused(recorded: dict[str, Any], name: str, outcome: str) -> dict[str, Any]:
    recorded["bus"][f"system {LOGIN} {MANAGER}/session/_{name}"] = {"error": outcome}
    return recorded


class TestWhoCounts:
    @pytest.mark.parametrize("uid", [0, 1000, 60_001, 2_000_000_000])
    def test_people_and_root_do(self, uid: int) -> None:
        assert ids(machine(session("2", uid))) == ["2"]

    @pytest.mark.parametrize("uid", [1, 110, 999, 65_534])
    def test_services_and_nobody_do_not(self, uid: int) -> None:
        assert ids(machine(session("2", uid))) == []

    @pytest.mark.parametrize("other", ["greeter", "lock-screen", "background", "manager", "none"])
    def test_only_classes_of_users_do(self, other: str) -> None:
        assert ids(machine(session("2", session_class=other))) == []

    @pytest.mark.parametrize("kind", ["user", "user-early", "user-incomplete", "user-light"])
    def test_every_class_of_users_does(self, kind: str) -> None:
        assert ids(machine(session("2", session_class=kind))) == ["2"]

    def test_a_session_that_is_closing_does_not(self) -> None:
        assert ids(machine(session("2", state="closing"))) == []

    def test_one_in_the_background_does(self) -> None:
        assert ids(machine(session("2"), session("5", 1001, state="online"))) == ["2", "5"]


class TestWhereTheySit:
    @pytest.mark.parametrize("kind", ["x11", "wayland", "mir"])
    def test_a_desktop_is_graphical_even_from_afar(self, kind: str) -> None:
        (one,) = found(machine(session("2", kind=kind, remote=True)))
        assert one.kind is SessionKind.GRAPHICAL

    def test_a_console_is_a_terminal(self) -> None:
        (one,) = found(machine(session("2", kind="tty")))
        assert one.kind is SessionKind.TERMINAL

    @pytest.mark.parametrize("kind", ["tty", "web", "unspecified"])
    def test_what_comes_from_afar_without_a_desktop_is_remote(self, kind: str) -> None:
        (one,) = found(machine(session("2", kind=kind, remote=True)))
        assert one.kind is SessionKind.REMOTE


class TestHints:
    def test_a_desktop_that_never_reported_idle_is_told_apart(self) -> None:
        never, once = found(machine(session("2"), session("3", idle_since=1_700_000_000_000_000)))
        assert (never.reports_idle, once.reports_idle) == (False, True)

    def test_locked_is_what_the_session_says(self) -> None:
        assert [each.locked for each in found(machine(session("2", locked=True)))] == [True]


class TestRefusals:
    @pytest.mark.parametrize(
        ("outcome", "error"),
        [
            ("denied", SourceDeniedError),
            ("timeout", SourceTimeoutError),
            ("conflict", SourceConflictError),
        ],
    )
    def test_a_logind_that_does_not_answer_is_no_empty_list(
        self, outcome: str, error: type[Exception]
    ) -> None:
        recorded = {"bus": {LIST: {"error": outcome}}, **without_logind(_2=STATE)}
        with pytest.raises(error):
            found(recorded)

    def test_neither_logind_nor_its_files_is_no_empty_list(self) -> None:
        with pytest.raises(SourceMissingError):
            found({})

    def test_a_session_that_may_not_be_asked_is_still_told(self) -> None:
        one, other = found(refused(machine(session("2"), session("3")), "2", "denied"))
        assert (one.id, one.kind) == ("2", None)
        assert other.kind is SessionKind.GRAPHICAL

    def test_after_one_that_hangs_the_others_are_not_waited_for(self) -> None:
        recorded = refused(machine(session("2"), session("3"), session("c1", 110)), "2", "timeout")
        assert [(each.id, each.kind) for each in found(recorded)] == [("2", None), ("3", None)]

    def test_one_that_is_gone_though_still_listed_is_unread(self) -> None:
        (one,) = found(refused(machine(session("2")), "2", "missing"))
        assert one.kind is None

    def test_what_is_not_a_list_is_a_conflict(self) -> None:
        recorded = machine()
        recorded["bus"][LIST][f"{LOGIN}.Manager"]["methods"]["ListSessions"] = [[1, 2]]
        with pytest.raises(SourceConflictError):
            found(recorded)

    @pytest.mark.parametrize("name", ["Type", "Class", "State"])
    def test_a_session_without_what_decides_is_unread_and_not_dropped(self, name: str) -> None:
        properties = session("2")
        del properties[name]
        recorded = machine(session("2"))
        recorded["bus"][f"system {LOGIN} {MANAGER}/session/_2"] = {
            f"{LOGIN}.Session": {"properties": properties}
        }
        (one,) = found(recorded)
        assert one.kind is None


class TestStateFiles:
    def test_they_are_read_where_there_is_no_logind(self) -> None:
        (one,) = found(without_logind(_2=STATE))
        assert one == Session(
            "2",
            1000,
            SessionKind.GRAPHICAL,
            "wayland",
            "gnome",
            "gdm-password",
            "session-2.scope",
        )

    def test_they_do_not_make_it_certain_that_nobody_else_is_there(self) -> None:
        assert not read_sessions(Witness(RecordedHost(without_logind(_2=STATE)))).certain
        assert read_sessions(Witness(RecordedHost(machine()))).certain

    def test_pipes_beside_them_are_left_alone(self) -> None:
        recorded = without_logind(_2=STATE)
        recorded["files"]["/run/systemd/sessions/2.ref"] = {"error": "denied"}
        assert ids(recorded) == ["2"]

    def test_an_empty_folder_is_nobody(self) -> None:
        assert ids({"directories": {"/run/systemd/sessions": []}}) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [("CLASS=user", "CLASS=greeter"), ("STATE=active", "STATE=closing"), ("=1000", "=110")],
    )
    def test_they_tell_people_from_others(self, old: str, new: str) -> None:
        assert ids(without_logind(_2=STATE.replace(old, new))) == []

    @pytest.mark.parametrize(("old", "new"), [("UID=1000", "UID=ana"), ("CLASS=user", "")])
    def test_one_that_says_too_little_is_a_conflict(self, old: str, new: str) -> None:
        with pytest.raises(SourceConflictError):
            parse_state_file("2", STATE.replace(old, new).encode())

    def test_one_that_may_not_be_read_is_no_empty_list(self) -> None:
        with pytest.raises(SourceDeniedError):
            found(without_logind(_2={"error": "denied"}))


def test_a_property_of_the_wrong_type_is_a_conflict() -> None:
    with pytest.raises(SourceConflictError, match="Type"):
        parse_session("2", 1000, {**session("2"), "Type": 7})
