"""When a KDE session locks."""

from typing import Any

import pytest

from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.screen_lock.linux import kde
from passmuster_collectors.signals.screen_lock.linux.environment import read_surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.sessions import read_sessions
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost

HOME = "/home/worker1000"
OWN = f"{HOME}/.config/kscreenlockerrc"
SYSTEM = "/etc/xdg/kscreenlockerrc"


def lock(files: dict[str, Any], **sections: Any) -> LockSetting:
    recorded = machine(session("2", desktop="KDE", service="sddm"), files=files, **sections)
    return lock_of(recorded)


def lock_of(recorded: dict[str, Any]) -> LockSetting:
    host = Witness(RecordedHost(recorded))
    (one,) = read_sessions(host).people
    return kde.read(host, one, read_surroundings(host, one))


def own(text: str) -> LockSetting:
    return lock({OWN: f"[Daemon]\n{text}"})


def test_as_installed_it_locks_after_five_minutes_and_five_seconds_of_grace() -> None:
    found = lock({})
    assert (found.lock_after_s, found.grace_s, found.enforced) == (305, 5, False)
    assert found.on_sleep is True


@pytest.mark.parametrize(
    ("text", "lock_after_s"),
    [
        ("Timeout=30\n", 1805),
        ("Timeout=0.5\nLockGrace=0\n", 30),
        ("Timeout=0\n", None),
        ("Autolock=false\n", None),
        ("Autolock=false\nTimeout=0\n", None),
        ("RequirePassword=false\n", None),
        ("Lock=false\n", None),
        ("LockGrace=300\n", 600),
    ],
)
def test_every_setting_that_puts_the_lock_off_is_seen(text: str, lock_after_s: int | None) -> None:
    assert own(text).lock_after_s == lock_after_s


@pytest.mark.parametrize("text", ["LockOnResume=false\n", "RequirePassword=false\n"])
def test_the_lock_before_sleep_can_be_off_too(text: str) -> None:
    assert own(text).on_sleep is False


@pytest.mark.parametrize(
    "text", ["Timeout=\n", "Timeout=five\n", "LockGrace=-1\n", "Timeout=nan\n"]
)
def test_what_is_no_time_is_a_conflict_and_no_default(text: str) -> None:
    with pytest.raises(SourceError, match="conflict"):
        own(text)


def test_the_user_overrides_the_system_and_the_theme() -> None:
    files = {
        SYSTEM: "[Daemon]\nTimeout=2\n",
        f"{HOME}/.config/kdedefaults/kscreenlockerrc": "[Daemon]\nTimeout=3\n",
    }
    assert lock(files).lock_after_s == 185
    assert lock({**files, OWN: "[Daemon]\nTimeout=60\n"}).lock_after_s == 3605


@pytest.mark.parametrize("mark", ["[$i]\n[Daemon]\n", "[Daemon][$i]\n"])
def test_what_it_locked_the_user_cannot_change(mark: str) -> None:
    found = lock({SYSTEM: f"{mark}Timeout=4\n", OWN: "[Daemon]\nAutolock=false\nTimeout=60\n"})
    assert (found.lock_after_s, found.enforced) == (245, True)


def test_one_locked_key_is_not_all_of_them() -> None:
    found = lock({SYSTEM: "[Daemon]\nTimeout[$i]=4\n", OWN: "[Daemon]\nAutolock=false\n"})
    assert (found.lock_after_s, found.enforced) == (None, False)


def test_a_lock_that_the_user_set_is_not_its() -> None:
    assert lock({OWN: "[Daemon][$i]\nTimeout=4\n"}).enforced is False


def test_a_file_that_may_not_be_read_is_no_default() -> None:
    with pytest.raises(SourceError, match="denied"):
        lock({OWN: {"error": "denied"}})


def test_what_it_locked_is_certain_even_without_the_users_file() -> None:
    found = lock({SYSTEM: "[Daemon][$i]\nTimeout=4\n", OWN: {"error": "denied"}}, uid=990)
    assert (found.lock_after_s, found.enforced) == (245, True)


def test_a_home_that_is_hidden_from_the_agent_is_no_default() -> None:
    recorded = machine(session("2", desktop="KDE"))
    recorded["files"] = {}
    with pytest.raises(SourceError, match=HOME):
        lock_of(recorded)


def test_the_sessions_own_folders_are_used() -> None:
    variables = {
        "XDG_SESSION_ID": "2",
        "XDG_CURRENT_DESKTOP": "KDE",
        "XDG_CONFIG_HOME": f"{HOME}/settings",
        "XDG_CONFIG_DIRS": f"{HOME}/.config/kdedefaults:/opt/company:/etc/xdg",
    }
    shell = {"pid": 50, "uid": 1000, "name": "plasmashell", "environment": variables}
    files = {
        SYSTEM: "[Daemon]\nTimeout=9\nLockGrace=0\n",
        "/opt/company/kscreenlockerrc": "[Daemon]\nTimeout=8\n",
        OWN: "[Daemon]\nTimeout=60\n",
        f"{HOME}/settings/other": "",
    }
    assert lock(files, processes=(shell,)).lock_after_s == 480
