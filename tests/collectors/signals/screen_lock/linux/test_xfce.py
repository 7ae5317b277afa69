"""When an Xfce session locks."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.signals.screen_lock.linux.locks import SessionLock, read_lock
from passmuster_collectors.signals.screen_lock.linux.sessions import read_sessions
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost

FOLDER = "xfce4/xfconf/xfce-perchannel-xml"
OWN = f"/home/worker1000/.config/{FOLDER}"
SYSTEM = f"/etc/xdg/{FOLDER}"


def channel(name: str, attributes: str = "", **properties: str) -> str:
    """Return a channel with `saver__idle_activation__delay="int 9"` as `/saver/…/delay`."""
    inner = ""
    for path, text in properties.items():
        kind, _, value = text.partition(" ")
        parts = path.replace("_", "-").replace("--", "/").split("/")
        leaf = f'<property name="{parts[-1]}" type="{kind}" value="{value}" {attributes}/>'
        for part in reversed(parts[:-1]):
            leaf = f'<property name="{part}" type="empty">{leaf}</property>'
        inner += leaf
    return f'<channel name="{name}" version="1.0">{inner}</channel>'


def lock(files: dict[str, Any], *, running: bool = True, **sections: Any) -> SessionLock:
    saver = {"pid": 70, "uid": 1000, "name": "xfce4-screensaver", "arguments": []}
    recorded = machine(
        session("2", kind="x11", desktop="xfce", service="lightdm"),
        files=files,
        processes=(saver,) if running else (),
        **sections,
    )
    host = Witness(RecordedHost(recorded))
    return read_lock(host, read_sessions(host).people[0])


def own(**properties: str) -> SessionLock:
    return lock({f"{OWN}/xfce4-screensaver.xml": channel("xfce4-screensaver", **properties)})


def test_as_installed_it_locks_after_five_minutes() -> None:
    found = lock({}).setting
    assert (found.lock_after_s, found.grace_s, found.enforced) == (300, 0, False)


def test_without_its_screen_saver_running_nothing_locks() -> None:
    assert lock({}, running=False).setting.lock_after_s is None


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"saver__idle_activation__delay": "int 10"}, 600),
        ({"lock__saver_activation__delay": "int 3"}, 480),
        ({"saver__idle_activation__delay": "int 0"}, 600),
        ({"saver__enabled": "bool false"}, None),
        ({"saver__idle_activation__enabled": "bool false"}, None),
        ({"lock__enabled": "bool false"}, None),
        ({"lock__saver_activation__enabled": "bool false"}, None),
        ({"saver__enabled": "string off"}, UNKNOWN),
        ({"saver__idle_activation__delay": "int -5"}, UNKNOWN),
    ],
)
def test_every_setting_that_puts_the_lock_off_is_seen(
    properties: dict[str, str], expected: object
) -> None:
    assert own(**properties).setting.lock_after_s == expected


def test_a_file_that_is_no_channel_is_no_default() -> None:
    assert lock({f"{OWN}/xfce4-screensaver.xml": "<other/>"}).setting.lock_after_s == UNKNOWN


def test_what_it_locked_the_user_cannot_change() -> None:
    settings = {
        "saver__enabled": "bool true",
        "saver__idle_activation__enabled": "bool true",
        "saver__idle_activation__delay": "int 4",
        "lock__enabled": "bool true",
        "lock__saver_activation__enabled": "bool true",
        "lock__saver_activation__delay": "int 0",
    }
    files = {
        f"{SYSTEM}/xfce4-screensaver.xml": channel(
            "xfce4-screensaver", 'unlocked="root"', **settings
        ),
        f"{OWN}/xfce4-screensaver.xml": channel("xfce4-screensaver", lock__enabled="bool false"),
    }
    found = lock(files).setting
    assert (found.lock_after_s, found.enforced) == (240, True)


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False)])
def test_the_power_manager_decides_about_the_lock_before_sleep(value: str, expected: bool) -> None:
    power = channel(
        "xfce4-power-manager",
        xfce4_power_manager__lock_screen_suspend_hibernate=f"bool {value}",
    )
    assert lock({f"{OWN}/xfce4-power-manager.xml": power}).setting.on_sleep is expected
    assert lock({}).setting.on_sleep == UNKNOWN
