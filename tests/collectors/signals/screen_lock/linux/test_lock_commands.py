"""What shell commands do to the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passmuster_collectors.signals.screen_lock.linux import lock_commands
from passmuster_collectors.signals.screen_lock.linux.lock_commands import Deed


@pytest.mark.parametrize(
    "command",
    [
        "swaylock -f -c 000000",
        "/usr/bin/i3lock -n",
        "pidof hyprlock || hyprlock",
        "pgrep -x swaylock || swaylock -f",
        "sh -c 'swaylock -f'",
        "playerctl pause; swaylock -f",
        "swaymsg 'output * power off' & gtklock",
        "XDG_SEAT=seat0 exec xsecurelock",
        "nohup hyprlock",
        "xscreensaver-command -lock",
        "swaylock && swaymsg 'output * power off'",
    ],
)
def test_a_locker_that_runs_for_sure_locks(command: str) -> None:
    assert lock_commands.parse(command).deed is Deed.LOCKS


@pytest.mark.parametrize("command", ["loginctl lock-session", "loginctl lock-sessions; true"])
def test_logind_can_be_asked_to_lock(command: str) -> None:
    assert lock_commands.parse(command).deed is Deed.ASKS_LOGIND


@pytest.mark.parametrize(
    "command",
    [
        "",
        "swaymsg 'output * power off'",
        "hyprctl dispatch dpms off",
        "notify-send 'swaylock in ten seconds'",
        "pkill swaylock",
        "killall -q hyprlock",
        "systemctl suspend",
        "brightnessctl -s set 10",
        "loginctl terminate-session self",
    ],
)
def test_what_has_nothing_to_do_with_a_lock_does_nothing(command: str) -> None:
    assert lock_commands.parse(command).deed is Deed.NOTHING


@pytest.mark.parametrize(
    "command",
    [
        "~/bin/lock.sh",
        "playerctl pause && swaylock",
        "on_battery || swaylock",
        "$LOCKER",
        "swaylock `cat colours`",
        "'unfinished",
        "xscreensaver-command -deactivate",
        "dm-tool switch-to-greeter",
        "sh lock.sh",
        "x" * 5000,
    ],
)
def test_what_is_not_certain_is_unclear(command: str) -> None:
    assert lock_commands.parse(command).deed is Deed.UNCLEAR


@pytest.mark.parametrize(
    ("command", "grace_s"),
    [
        ("swaylock --grace 30", 30),
        ("hyprlock --grace=5", 5),
        ("swaylock", 0),
        ("hyprlock --grace", 0),
    ],
)
def test_a_grace_on_the_command_line_is_seen(command: str, grace_s: int) -> None:
    assert lock_commands.parse(command).grace_s == grace_s


@given(st.text(max_size=200))
def test_any_text_is_judged_without_an_error(command: str) -> None:
    lock_commands.parse(command)
