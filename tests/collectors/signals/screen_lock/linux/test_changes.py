"""What a worker may change so that the screen locks in time: no more than is in the way."""

from typing import Any

import pytest

from passmuster_collectors.signals.screen_lock import linux
from passmuster_collectors.signals.screen_lock.idle_target import idle_target_s
from tests.support.people import gnome, gsettings, home_of, machine, session
from tests.support.recorded_host import RecordedHost

IDLE = "org.gnome.desktop.session idle-delay"
ENABLED = "org.gnome.desktop.screensaver lock-enabled"
DELAY = "org.gnome.desktop.screensaver lock-delay"
LOCKDOWN = "org.gnome.desktop.lockdown disable-lock-screen"
KDE = "kscreenlockerrc [Daemon] "
XFCE = "xfce4-screensaver "
LOCK_OFF = (
    '<property name="lock" type="empty">'
    '<property name="enabled" type="bool" value="false"/></property>'
)
AFTER_AN_HOUR = (
    '<property name="saver" type="empty"><property name="idle-activation" type="empty">'
    '<property name="delay" type="int" value="60"/></property></property>'
)


def found(recorded: dict[str, Any], within_s: int = 600) -> dict[str, tuple[str, str]]:
    changes = linux.changes_within(RecordedHost(recorded), within_s)
    return {each.setting: (each.before, each.after) for each in changes}


def gnome_desk(*locked: str, **changed: str) -> dict[str, Any]:
    programs = gsettings(1000, gnome(**changed), *locked)
    return machine(session("2"), uid=1000, programs=programs)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {}),
        ({"idle_delay": "uint32 60"}, {}),
        ({"idle_delay": "uint32 0"}, {IDLE: ("0", "540")}),
        ({"idle_delay": "uint32 900"}, {IDLE: ("900", "540")}),
        ({"lock_enabled": "false"}, {ENABLED: ("false", "true")}),
        ({"disable_lock_screen": "true"}, {LOCKDOWN: ("true", "false")}),
        ({"lock_delay": "uint32 3600"}, {DELAY: ("3600", "0")}),
        ({"lock_delay": "uint32 30", "idle_delay": "uint32 900"}, {IDLE: ("900", "540")}),
        (
            {"lock_delay": "uint32 1800", "idle_delay": "uint32 0", "lock_enabled": "false"},
            {IDLE: ("0", "540"), DELAY: ("1800", "0"), ENABLED: ("false", "true")},
        ),
    ],
)
def test_gnome(settings: dict[str, str], expected: dict[str, tuple[str, str]]) -> None:
    assert found(gnome_desk(**settings)) == expected


def test_a_limit_of_the_organisation_is_kept_to() -> None:
    assert found(gnome_desk(), 120) == {IDLE: ("300", "60")}
    assert found(gnome_desk(), 30) == {IDLE: ("300", "30")}


@pytest.mark.parametrize(("within_s", "target"), [(600, 540), (900, 840), (90, 60), (45, 45)])
def test_a_minute_less_than_the_limit_is_set(within_s: int, target: int) -> None:
    assert idle_target_s(within_s) == target


def test_what_it_has_locked_is_said_so() -> None:
    recorded = gnome_desk(IDLE, idle_delay="uint32 0")
    (change,) = linux.changes_within(RecordedHost(recorded), 600)
    assert change.locked


def test_other_peoples_sessions_are_their_own() -> None:
    programs = gsettings(1001, gnome(idle_delay="uint32 0"))
    recorded = machine(session("5", 1001), uid=1000, programs=programs)
    assert found(recorded) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("Autolock=false\n", {"Autolock": ("false", "true")}),
        ("Timeout=0\n", {"Timeout": ("0", "9")}),
        ("Timeout=30\n", {"Timeout": ("30", "9")}),
        ("Timeout=2\nLockGrace=900\n", {"LockGrace": ("900", "0")}),
        ("RequirePassword=false\n", {"RequirePassword": ("false", "true")}),
    ],
)
def test_kde(text: str, expected: dict[str, tuple[str, str]]) -> None:
    files = {f"{home_of(1000)}/.config/kscreenlockerrc": f"[Daemon]\n{text}"}
    recorded = machine(session("2", desktop="KDE"), uid=1000, files=files)
    assert found(recorded) == {KDE + name: values for name, values in expected.items()}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("", {}),
        (
            LOCK_OFF,
            {"/lock/enabled": ("false", "true")},
        ),
        (
            AFTER_AN_HOUR,
            {"/saver/idle-activation/delay": ("60", "9")},
        ),
    ],
)
def test_xfce(inner: str, expected: dict[str, tuple[str, str]]) -> None:
    path = "xfce4/xfconf/xfce-perchannel-xml/xfce4-screensaver.xml"
    text = f'<channel name="xfce4-screensaver" version="1.0">{inner}</channel>'
    files = {f"{home_of(1000)}/.config/{path}": text}
    recorded = machine(session("2", desktop="xfce"), uid=1000, files=files)
    assert found(recorded) == {XFCE + name: values for name, values in expected.items()}


def test_a_desktop_without_settings_of_its_own_is_left_alone() -> None:
    assert found(machine(session("2", desktop="sway"), uid=1000)) == {}
