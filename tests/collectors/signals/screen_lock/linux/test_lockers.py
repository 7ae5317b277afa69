"""Programs that lock the screen of desktops without a lock of their own."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.signals.screen_lock.linux import (
    hypridle,
    swayidle,
    xautolock,
    xscreensaver,
    xss_lock,
)
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.locks import SessionLock, read_lock
from passmuster_collectors.signals.screen_lock.linux.sessions import read_sessions
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost

HOME = "/home/worker1000"
SWAY = ("swayidle", "-w", "timeout", "300", "swaylock -f", "before-sleep", "swaylock -f")


def program(*arguments: str, uid: int = 1000, pid: int = 70, **variables: str) -> dict[str, Any]:
    return {
        "pid": pid,
        "uid": uid,
        "name": arguments[0].rpartition("/")[2],
        "arguments": list(arguments),
        "environment": variables,
    }


def lock(desktop: str, *processes: dict[str, Any], **sections: Any) -> SessionLock:
    recorded = machine(session("2", desktop=desktop), processes=processes, **sections)
    host = Witness(RecordedHost(recorded))
    return read_lock(host, read_sessions(host).people[0])


def after(desktop: str, *processes: dict[str, Any], **sections: Any) -> object:
    return lock(desktop, *processes, **sections).setting.lock_after_s


class TestWhichOnesCount:
    def test_one_that_runs_locks(self) -> None:
        assert after("sway", program(*SWAY)) == 300

    def test_one_that_does_not_run_locks_nothing(self) -> None:
        config = {f"{HOME}/.config/swayidle/config": "timeout 300 'swaylock -f'\n"}
        assert after("sway", files=config) is None

    def test_somebody_elses_locks_nothing(self) -> None:
        assert after("sway", program(*SWAY, uid=1001)) is None

    def test_the_earliest_of_several_counts(self) -> None:
        second = program("xautolock", "-time", "2", "-locker", "i3lock", pid=71)
        assert after("i3", program("xautolock", "-time", "9", "-locker", "i3lock"), second) == 120

    def test_one_that_is_certain_suffices_beside_one_that_is_not(self) -> None:
        assert after("sway", program(*SWAY), program("light-locker", pid=71)) == 300

    @pytest.mark.parametrize("name", ["light-locker", "xidlehook"])
    def test_one_that_can_not_be_read_leaves_it_open(self, name: str) -> None:
        assert after("i3", program(name)) == UNKNOWN

    def test_a_desktop_that_nobody_knows_may_have_a_lock_of_its_own(self) -> None:
        assert after("lxqt") == UNKNOWN

    def test_a_locker_counts_on_any_desktop(self) -> None:
        assert after("lxqt", program("xautolock", "-time", "3", "-locker", "slock")) == 180

    def test_hidden_processes_are_no_never(self) -> None:
        found = lock("sway", refuse={"processes": {"error": "denied"}})
        assert found.setting.lock_after_s == UNKNOWN
        assert found.refusal is not None

    def test_a_name_that_the_kernel_cut_is_known_by_the_first_argument(self) -> None:
        cut = program("/usr/bin/xfce4-screensaver") | {"name": "xfce4-screensav"}
        assert after("xfce", cut) == 300


def swayidle_of(*arguments: str) -> LockSetting:
    instructions = swayidle.Instructions()
    swayidle.add_events(instructions, list(arguments))
    return swayidle.parse(instructions)


class TestSwayidle:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (("timeout", "300", "swaylock -f"), 300),
            (("timeout", "300", "swaylock", "resume", "swaymsg x", "timeout", "90", "gtklock"), 90),
            (("timeout", "0", "swaylock"), None),
            (("timeout", "600", "swaymsg 'output * power off'"), None),
            (("timeout", "300", "loginctl lock-session", "lock", "swaylock -f"), 300),
            (("timeout", "300", "loginctl lock-session"), UNKNOWN),
            (("timeout", "300", "~/lock.sh"), UNKNOWN),
            (("timeout", "300", "swaylock --grace 30"), 330),
            (("before-sleep", "swaylock"), None),
        ],
    )
    def test_it_locks_when_a_time_out_runs_a_locker(
        self, arguments: tuple[str, ...], expected: object
    ) -> None:
        assert swayidle_of(*arguments).lock_after_s == expected

    def test_it_locks_before_sleep_only_when_told_to(self) -> None:
        assert swayidle_of("before-sleep", "swaylock -f").on_sleep is True
        assert swayidle_of("before-sleep", "loginctl lock-session", "lock", "gtklock").on_sleep
        assert swayidle_of("timeout", "300", "swaylock").on_sleep is False
        assert swayidle_of("before-sleep", "~/lock.sh").on_sleep == UNKNOWN

    def test_it_tells_logind_of_being_idle_only_when_told_to(self) -> None:
        assert swayidle_of("idlehint", "240").idle_after_s == 240
        assert swayidle_of("timeout", "300", "swaylock").idle_after_s is None

    def test_its_file_counts_beside_its_arguments(self) -> None:
        config = {
            f"{HOME}/.config/swayidle/config": "# timeout 5 swaylock\n\ntimeout 240 'swaylock -f'\n"
        }
        assert after("sway", program("swayidle", "-w"), files=config) == 240
        assert after("sway", program(*SWAY), files=config) == 240

    def test_the_file_that_it_was_given_counts(self) -> None:
        files = {
            f"{HOME}/.config/swayidle/config": "timeout 60 swaylock\n",
            "/etc/company/idle": "timeout 200 swaylock\n",
        }
        found = after("sway", program("swayidle", "-C", "/etc/company/idle"), files=files)
        assert found == 200

    @pytest.mark.parametrize(
        "arguments",
        [("timeout", "soon", "swaylock"), ("timeout", "30"), ("explode",), ("-C", "relative")],
    )
    def test_what_it_would_not_take_is_a_conflict(self, arguments: tuple[str, ...]) -> None:
        assert after("sway", program("swayidle", *arguments)) == UNKNOWN

    def test_a_file_that_may_not_be_read_is_no_never(self) -> None:
        config = {f"{HOME}/.config/swayidle/config": {"error": "denied"}}
        assert after("sway", program("swayidle", "-w"), files=config) == UNKNOWN


LISTENER = "listener {{\n  timeout = {}\n  on-timeout = {}\n}}\n"


class TestHypridle:
    @staticmethod
    def after(text: str, locker: str = "") -> object:
        return hypridle.parse(text.encode(), locker.encode()).lock_after_s

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (LISTENER.format(300, "hyprlock"), 300),
            (LISTENER.format(300, "loginctl lock-session"), UNKNOWN),
            (
                "general {\n lock_cmd = pidof hyprlock || hyprlock\n}\n"
                + LISTENER.format(300, "loginctl lock-session"),
                300,
            ),
            (LISTENER.format(300, "hyprctl dispatch dpms off"), None),
            (LISTENER.format(-1, "hyprlock"), None),
            ("# " + LISTENER.format(300, "hyprlock").replace("\n", "\n# "), None),
            ("$lock = hyprlock\n" + LISTENER.format(300, "$lock"), 300),
            (LISTENER.format(300, "notify-send x # hyprlock"), None),
            ("source = more.conf\n", UNKNOWN),
            ("source = more.conf\n" + LISTENER.format(300, "hyprlock"), 300),
            (LISTENER.format(600, "hyprlock") + LISTENER.format(240, "swaylock"), 240),
        ],
    )
    def test_it_locks_when_a_listener_runs_a_locker(self, text: str, expected: object) -> None:
        assert self.after(text) == expected

    def test_the_lockers_grace_is_added(self) -> None:
        text = LISTENER.format(300, "hyprlock")
        assert self.after(text, "general {\n  grace = 20\n}\n") == 320

    @pytest.mark.parametrize("text", ["listener {\n", "}\n", "\xff"])
    def test_what_does_not_match_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            hypridle.parse(text.encode("latin-1"))

    def test_it_is_read_where_it_lies(self) -> None:
        files = {f"{HOME}/.config/hypr/hypridle.conf": LISTENER.format(300, "hyprlock")}
        assert after("Hyprland", program("hypridle"), files=files) == 300
        named = {"/etc/hypridle.conf": LISTENER.format(200, "hyprlock")}
        found = after("Hyprland", program("hypridle", "-c", "/etc/hypridle.conf"), files=named)
        assert found == 200

    def test_without_its_file_it_is_unknown(self) -> None:
        assert after("Hyprland", program("hypridle")) == UNKNOWN

    def test_it_locks_before_sleep_only_when_told_to(self) -> None:
        told = b"general {\n before_sleep_cmd = loginctl lock-session\n lock_cmd = hyprlock\n}\n"
        assert hypridle.parse(told).on_sleep is True
        assert hypridle.parse(b"general {\n lock_cmd = hyprlock\n}\n").on_sleep is False


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-time", "5", "-locker", "i3lock -n"), 300),
        (("-time", "90", "-locker", "slock"), 3600),
        (("-time", "0", "-locker", "slock"), 60),
        (("-locker", "slock"), UNKNOWN),
        (("-time", "5"), UNKNOWN),
        (("-time", "5", "-locker", "~/lock.sh"), UNKNOWN),
        (("-time", "5", "-locker", "systemctl suspend"), None),
        (("-time", "soon", "-locker", "slock"), UNKNOWN),
    ],
)
def test_xautolock_counts_minutes_from_one_to_sixty(
    arguments: tuple[str, ...], expected: object
) -> None:
    assert xautolock.parse(("xautolock", *arguments)).lock_after_s == expected


class TestXssLock:
    QUERY = "1000:XSET q"
    PRINTED = "Screen Saver:\n  timeout:  {}    cycle:  {}\nColors:\n"

    @pytest.mark.parametrize(
        ("arguments", "times", "expected"),
        [
            (("--", "i3lock", "-n"), (300, 60), 300),
            (("-n", "dim.sh", "--", "i3lock"), (240, 60), 300),
            (("--notifier=dim.sh", "i3lock"), (240, 60), 300),
            (("-n", "dim.sh", "--", "i3lock"), (240, 0), None),
            (("-l", "--", "i3lock"), (0, 60), None),
            (("--", "~/lock.sh"), (300, 60), UNKNOWN),
        ],
    )
    def test_it_locks_when_the_servers_screen_saver_starts(
        self, arguments: tuple[str, ...], times: tuple[int, int], expected: object
    ) -> None:
        found = after(
            "i3",
            program("xss-lock", *arguments, DISPLAY=":0", XAUTHORITY=f"{HOME}/.Xauthority"),
            programs={self.QUERY: {"stdout": self.PRINTED.format(*times)}},
        )
        assert found == expected

    @pytest.mark.parametrize("display", ["", "elsewhere:0", ":0; rm"])
    def test_a_display_that_is_not_of_this_laptop_is_not_asked(self, display: str) -> None:
        programs = {self.QUERY: {"stdout": self.PRINTED.format(300, 60)}}
        found = after("i3", program("xss-lock", "--", "i3lock", DISPLAY=display), programs=programs)
        assert found == UNKNOWN

    @pytest.mark.parametrize("answer", [{"error": "timeout"}, {"stdout": ""}, {"status": 1}])
    def test_a_server_that_does_not_answer_is_no_never(self, answer: dict[str, Any]) -> None:
        running = program("xss-lock", "--", "i3lock", DISPLAY=":0")
        assert after("i3", running, programs={self.QUERY: answer}) == UNKNOWN

    def test_it_locks_before_sleep_unless_told_not_to(self) -> None:
        assert xss_lock.parse(("xss-lock", "--", "slock"), 300, 0).on_sleep is True
        assert xss_lock.parse(("xss-lock", "--ignore-sleep", "slock"), 300, 0).on_sleep is False


class TestXscreensaver:
    @staticmethod
    def after(text: str) -> object:
        values = xscreensaver.parse_resources(text.encode())
        return xscreensaver.parse({**xscreensaver.BUILT_IN, **values}).lock_after_s

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", None),
            ("lock:\tTrue\n", 600),
            ("timeout:\t0:05:00\nlock:\tTrue\nlockTimeout:\t0:01:30\n", 390),
            ("timeout: 5\nlock: True\n", 300),
            ("lock: True\nmode: off\n", None),
            ("timeout: 0:00:00\nlock: True\n", None),
            ("lock: False\n", None),
        ],
    )
    def test_it_locks_only_when_told_to(self, text: str, expected: object) -> None:
        assert self.after(text) == expected

    def test_the_users_file_goes_over_the_sites(self) -> None:
        files = {
            "/etc/X11/app-defaults/XScreenSaver": "*lock:\t\tTrue\n*timeout:\t0:03:00\n",
            f"{HOME}/.other": "",
        }
        assert after("i3", program("xscreensaver"), files=files) == 180
        files[f"{HOME}/.xscreensaver"] = "timeout:\t0:20:00\n"
        assert after("i3", program("xscreensaver"), files=files) == 1200

    @pytest.mark.parametrize("text", ["timeout: soon\n", "timeout: 1:2:3:4\n"])
    def test_what_is_no_time_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="time"):
            self.after(text)
