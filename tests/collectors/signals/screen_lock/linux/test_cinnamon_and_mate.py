"""When Cinnamon and MATE sessions lock."""

from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.locks import read_lock
from passmuster_collectors.signals.screen_lock.linux.sessions import read_sessions
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import gsettings, machine, session
from tests.support.recorded_host import RecordedHost

CINNAMON = {
    "org.cinnamon.desktop.session idle-delay": "uint32 900",
    "org.cinnamon.desktop.screensaver idle-activation-enabled": "true",
    "org.cinnamon.desktop.screensaver lock-enabled": "true",
    "org.cinnamon.desktop.screensaver lock-delay": "uint32 0",
    "org.cinnamon.desktop.lockdown disable-lock-screen": "false",
}
MATE = {
    "org.mate.session idle-delay": "5",
    "org.mate.screensaver idle-activation-enabled": "true",
    "org.mate.screensaver lock-enabled": "true",
    "org.mate.screensaver lock-delay": "0",
    "org.mate.lockdown disable-lock-screen": "false",
}
SAVER = {"pid": 70, "uid": 1000, "name": "mate-screensaver", "arguments": []}


def lock(
    desktop: str, settings: dict[str, str], *locked: str, processes: tuple[Any, ...] = (SAVER,)
) -> LockSetting:
    recorded = machine(
        session("2", kind="x11", desktop=desktop, service="lightdm"),
        programs=gsettings(1000, settings, *locked),
        processes=processes,
    )
    host = Witness(RecordedHost(recorded))
    return read_lock(host, read_sessions(host).people[0]).setting


def changed(settings: dict[str, str], key: str, value: str) -> dict[str, str]:
    (name,) = [each for each in settings if each.endswith(f" {key}")]
    return {**settings, name: value}


def test_cinnamon_counts_seconds_and_locks_after_fifteen_minutes_as_installed() -> None:
    assert lock("cinnamon", CINNAMON).lock_after_s == 900
    sooner = changed(changed(CINNAMON, "idle-delay", "uint32 300"), "lock-delay", "uint32 15")
    assert lock("cinnamon", sooner).lock_after_s == 315


def test_mate_counts_minutes_and_locks_after_five_as_installed() -> None:
    assert lock("mate", MATE).lock_after_s == 300
    later = changed(changed(MATE, "idle-delay", "8"), "lock-delay", "2")
    found = lock("mate", later)
    assert (found.lock_after_s, found.grace_s) == (600, 120)


@pytest.mark.parametrize(("desktop", "settings"), [("cinnamon", CINNAMON), ("mate", MATE)])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("idle-delay", "0"),
        ("idle-activation-enabled", "false"),
        ("lock-enabled", "false"),
        ("disable-lock-screen", "true"),
    ],
)
def test_every_setting_that_puts_the_lock_off_is_seen(
    desktop: str, settings: dict[str, str], key: str, value: str
) -> None:
    assert lock(desktop, changed(settings, key, value)).lock_after_s is None


@pytest.mark.parametrize(("desktop", "settings"), [("cinnamon", CINNAMON), ("mate", MATE)])
def test_it_is_enforced_when_every_setting_that_could_undo_it_is_locked(
    desktop: str, settings: dict[str, str]
) -> None:
    assert lock(desktop, settings, *settings).enforced is True
    assert lock(desktop, settings, *list(settings)[1:]).enforced is False


def test_mate_without_its_screen_saver_running_locks_nothing() -> None:
    assert lock("mate", MATE, processes=()).lock_after_s is None


@pytest.mark.parametrize(("desktop", "settings"), [("cinnamon", CINNAMON), ("mate", MATE)])
def test_a_setting_that_is_not_there_is_no_default(desktop: str, settings: dict[str, str]) -> None:
    for name in settings:
        rest = {key: value for key, value in settings.items() if key != name}
        assert lock(desktop, rest).lock_after_s == UNKNOWN


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False)])
def test_cinnamons_power_settings_decide_about_the_lock_before_sleep(
    value: str, expected: bool
) -> None:
    key = "org.cinnamon.settings-daemon.plugins.power lock-on-suspend"
    assert lock("cinnamon", {**CINNAMON, key: value}).on_sleep is expected
