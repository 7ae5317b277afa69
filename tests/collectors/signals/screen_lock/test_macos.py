"""The parts of a Mac's screen lock, one by one."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.answers import Completed
from passmuster_collectors.host.base import SourceConflictError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.macos.console import parse_console, read_console
from passmuster_collectors.signals.screen_lock.macos.managed import Managed, parse_managed
from passmuster_collectors.signals.screen_lock.macos.settings import (
    parse_display_sleep,
    parse_grace,
    parse_keeps_display_on,
    parse_number,
)
from passmuster_collectors.signals.screen_lock.macos.timing import Seconds, lock_after
from tests.support.recorded_host import RecordedHost

LAPTOP = {"Battery Power": 2, "AC Power": 30}


class TestTiming:
    @pytest.mark.parametrize(
        ("idle_s", "display_min", "grace_s", "expected"),
        [
            (300, {"AC Power": 10}, 0, 300),
            (900, {"AC Power": 10}, 0, 600),
            (900, {"AC Power": 10}, 5, 605),
            (0, LAPTOP, 300, 2100),
            (0, {"Battery Power": 2, "AC Power": 0}, 0, None),
            (300, {"Battery Power": 2, "AC Power": 0}, 0, 300),
            (0, {"AC Power": 0}, 0, None),
            (300, LAPTOP, None, None),
            (300, LAPTOP, UNKNOWN, UNKNOWN),
            (UNKNOWN, LAPTOP, 0, 1800),
            (UNKNOWN, {"AC Power": 0}, 0, UNKNOWN),
            (UNKNOWN, UNKNOWN, 0, UNKNOWN),
            (UNKNOWN, UNKNOWN, None, None),
            (300, UNKNOWN, 10, 310),
            (0, UNKNOWN, 10, UNKNOWN),
            (0, {}, 10, UNKNOWN),
        ],
    )
    def test_the_worst_power_source_and_the_grace_count(
        self, idle_s: Any, display_min: Any, grace_s: Seconds, expected: Seconds
    ) -> None:
        assert lock_after(idle_s, display_min, grace_s) == expected


class TestGrace:
    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("screenLock delay is immediate", 0),
            ("2026-01-01 10:00:00.123 sysadminctl[1:2] screenLock delay is 5 seconds", 5),
            ("screenLock delay is 1 second", 1),
            ("screenLock delay is 60.000000 seconds", 60),
            ("screenLock is off", None),
            ("screenLock delay is -1 seconds", None),
            ("screenLock delay is 2147483647 seconds", None),
            ("another line\nscreenLock delay is 5 seconds\n", 5),
        ],
    )
    def test_every_known_wording(self, said: str, expected: int | None) -> None:
        assert parse_grace(said.encode()) == expected

    @pytest.mark.parametrize(
        "said",
        [
            "",
            "screenLock delay is 30 secon",
            "screenLock delay is seconds",
            "screenLock is on",
            "screenLock is off now and then",
            "screenLock delay is 5 seconds\nscreenLock delay is 50 seconds",
            "Le délai est de 5 secondes",
        ],
    )
    def test_anything_else_is_a_conflict(self, said: str) -> None:
        with pytest.raises(SourceConflictError):
            parse_grace(said.encode())


class TestNumber:
    def test_a_setting_that_is_not_there_is_not_never(self) -> None:
        assert parse_number(Completed(1, b"", b"does not exist")) is None
        assert parse_number(Completed(0, b"0\n", b"")) == 0

    @pytest.mark.parametrize("printed", [b"", b"3", b"30 \nx\n", b"-1\n", b"many\n", b"1\n2\n"])
    def test_what_is_no_whole_line_with_a_number_is_a_conflict(self, printed: bytes) -> None:
        with pytest.raises(SourceConflictError):
            parse_number(Completed(0, printed, b""))


class TestDisplaySleep:
    def test_every_power_source_is_told(self) -> None:
        printed = "Battery Power:\n lidwake 1\n displaysleep 2\nAC Power:\n displaysleep 10 (x)\n"
        assert parse_display_sleep(printed.encode()) == {"Battery Power": 2, "AC Power": 10}

    @pytest.mark.parametrize(
        "printed",
        [
            "",
            "Battery Power:\n displaysleep 2\n",
            "Battery Power:\n displaysleep 2\nAC Power:\n",
            "AC Power:\n displaysleep 1",
            "AC Power:\n displaysleep 1\n displaysleep 2\n",
            "AC Power:\n displaysleep 1\nAC Power:\n displaysleep 2\n",
            "Netzteil:\n displaysleep 1\n",
            "AC Power:\n Ruhezustand 1\n",
        ],
        ids=["empty", "ends-early", "ends-later", "mid-line", "twice", "again", "de", "key"],
    )
    def test_a_list_that_may_lack_the_source_that_counts_is_a_conflict(self, printed: str) -> None:
        with pytest.raises(SourceConflictError):
            parse_display_sleep(printed.encode())


class TestAssertions:
    def test_the_system_wide_line_counts(self) -> None:
        printed = "Assertion status system-wide:\n   PreventUserIdleDisplaySleep    {}\n"
        assert parse_keeps_display_on(printed.format(1).encode()) is True
        assert parse_keeps_display_on(printed.format(0).encode()) is False

    @pytest.mark.parametrize("printed", ["", "   PreventUserIdleDisplaySleep    \n"])
    def test_without_it_nothing_is_known(self, printed: str) -> None:
        with pytest.raises(SourceConflictError):
            parse_keeps_display_on(printed.encode())


class TestManaged:
    @pytest.mark.parametrize(
        ("preferences", "expected", "enforced"),
        [
            ({}, Managed(None, False), False),
            ({"idleTime": 600}, Managed(600, False), False),
            ({"askForPassword": True}, Managed(None, True), False),
            ({"idleTime": 600, "askForPassword": 1}, Managed(600, True), True),
            ({"idleTime": 600.0, "askForPassword": True}, Managed(600, True), True),
            ({"idleTime": 0, "askForPassword": True}, Managed(0, True), False),
            ({"idleTime": "600"}, Managed(UNKNOWN, False), UNKNOWN),
            ({"idleTime": True}, Managed(UNKNOWN, False), UNKNOWN),
            ({"idleTime": -1}, Managed(UNKNOWN, False), UNKNOWN),
            ({"askForPassword": "yes"}, Managed(None, UNKNOWN), UNKNOWN),
        ],
    )
    def test_only_a_time_with_a_password_is_enforced(
        self, preferences: dict[str, Any], expected: Managed, enforced: object
    ) -> None:
        found = parse_managed(preferences)
        assert found == expected
        assert found.enforced == enforced


def user(**more: Any) -> dict[str, Any]:
    return {
        "kCGSSessionUserIDKey": 501,
        "kCGSSessionUserNameKey": "alex",
        "kCGSSessionOnConsoleKey": True,
        **more,
    }


def console(owner: int, *users: dict[str, Any]) -> RecordedHost:
    return RecordedHost(
        {
            "platform": "macos",
            "status": {"/dev/console": {"device": [0, 0], "owner": owner}},
            "programs": {"IOREG -n Root -d1 -a": {"plist": {"IOConsoleUsers": list(users)}}},
        }
    )


class TestConsole:
    def test_the_people_who_are_logged_in_are_told(self) -> None:
        behind = user(kCGSSessionUserNameKey="kim", kCGSSessionUserIDKey=502)
        behind["kCGSSessionOnConsoleKey"] = False
        sessions = parse_console({"IOConsoleUsers": [user(CGSSessionScreenIsLocked=True), behind]})
        assert [(each.uid, each.in_front, each.locked) for each in sessions] == [
            (501, True, True),
            (502, False, UNKNOWN),
        ]

    @pytest.mark.parametrize(
        "other",
        [
            user(kCGSSessionUserNameKey="_mbsetupuser"),
            user(kCGSSessionUserNameKey="loginwindow"),
            user(kCGSessionLoginDoneKey=False),
        ],
    )
    def test_sessions_of_the_system_are_nobodys(self, other: dict[str, Any]) -> None:
        assert parse_console({"IOConsoleUsers": [other]}) == ()

    @pytest.mark.parametrize(
        "value",
        [
            None,
            [],
            {},
            {"IOConsoleUsers": {}},
            {"IOConsoleUsers": ["alex"]},
            {"IOConsoleUsers": [{}]},
            {"IOConsoleUsers": [{"kCGSSessionUserNameKey": "alex"}]},
        ],
    )
    def test_anything_else_is_a_conflict(self, value: Any) -> None:
        with pytest.raises(SourceConflictError):
            parse_console(value)

    @pytest.mark.parametrize(
        ("owner", "users", "expected"),
        [
            (501, [user()], ["alex"]),
            (0, [], []),
            (0, [user()], None),
            (502, [user()], None),
            (501, [], None),
            (501, [{**user(), "kCGSSessionUserIDKey": "501"}], None),
        ],
        ids=["agree", "nobody", "root", "somebody-else", "unlisted", "no-number"],
    )
    def test_the_kernel_and_the_window_server_have_to_name_the_same_person(
        self, owner: int, users: list[dict[str, Any]], expected: list[str] | None
    ) -> None:
        inquiry = Inquiry()
        found = read_console(console(owner, *users), inquiry)
        assert (None if found is None else [each.name for each in found]) == expected
        assert inquiry.is_complete is (expected is not None)
