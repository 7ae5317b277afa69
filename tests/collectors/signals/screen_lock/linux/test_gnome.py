"""When a GNOME session locks."""

from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.host.base import SourceError
from passmuster_collectors.signals.screen_lock.linux import gnome
from passmuster_collectors.signals.screen_lock.linux.environment import read_surroundings
from passmuster_collectors.signals.screen_lock.linux.lock_setting import LockSetting
from passmuster_collectors.signals.screen_lock.linux.sessions import read_sessions
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.dconf import compile_database
from tests.support.people import gnome as settings
from tests.support.people import gsettings, machine, session
from tests.support.recorded_host import RecordedHost
from tests.support.tools import missing

IDLE = "org.gnome.desktop.session idle-delay"
ALL = tuple(settings())
SCHEMAS = Path("/usr/share/glib-2.0/schemas/gschemas.compiled")


def lock(recorded: dict[str, Any]) -> LockSetting:
    host = Witness(RecordedHost(recorded))
    (one,) = read_sessions(host).people
    return gnome.read(host, one, read_surroundings(host, one))


def with_settings(*locked: str, **changed: str) -> dict[str, Any]:
    return machine(session("2"), programs=gsettings(1000, settings(**changed), *locked))


@pytest.mark.parametrize(
    ("changed", "lock_after_s"),
    [
        ({}, 300),
        ({"idle_delay": "uint32 600", "lock_delay": "uint32 30"}, 630),
        ({"idle_delay": "uint32 0"}, None),
        ({"idle_delay": "uint32 0", "lock_delay": "uint32 30"}, None),
        ({"lock_enabled": "false"}, None),
        ({"disable_lock_screen": "true"}, None),
    ],
    ids=["as installed", "later", "zero is never", "zero and a delay", "off", "locked down"],
)
def test_it_locks_after_both_delays_unless_something_forbids_it(
    changed: dict[str, str], lock_after_s: int | None
) -> None:
    assert lock(with_settings(**changed)).lock_after_s == lock_after_s


def test_the_grace_is_the_lock_delay() -> None:
    assert lock(with_settings(lock_delay="uint32 30")).grace_s == 30


def test_it_is_enforced_when_every_setting_that_could_undo_it_is_locked() -> None:
    assert lock(with_settings(*ALL)).enforced is True
    assert lock(with_settings(*ALL[1:])).enforced is False


def test_without_gdm_there_is_no_lock_screen() -> None:
    recorded = machine(session("2", service="lightdm"), programs=gsettings(1000, settings()))
    assert lock(recorded).lock_after_s == 300, "GDM is there, whoever opened the session"
    del recorded["bus"]["system org.gnome.DisplayManager /org/gnome/DisplayManager/Manager"]
    assert lock(recorded).lock_after_s is None


def test_a_gdm_that_does_not_answer_leaves_it_open() -> None:
    recorded = machine(session("2", service="login"), programs=gsettings(1000, settings()))
    place = "system org.gnome.DisplayManager /org/gnome/DisplayManager/Manager"
    recorded["bus"][place] = {"error": "timeout"}
    with pytest.raises(SourceError, match="timeout"):
        lock(recorded)


@pytest.mark.parametrize("outcome", ["denied", "timeout"])
def test_a_program_that_is_refused_is_no_default(outcome: str) -> None:
    recorded = with_settings()
    recorded["programs"][f"1000:GSETTINGS get {IDLE}"] = {"error": outcome}
    with pytest.raises(SourceError, match=outcome):
        lock(recorded)


@pytest.mark.parametrize("printed", ["", "uint32 -5", "'five'", "uint32 300 uint32 1"])
def test_what_is_no_delay_is_a_conflict(printed: str) -> None:
    with pytest.raises(SourceError, match="conflict"):
        lock(with_settings(idle_delay=printed))


def test_a_home_that_is_hidden_from_the_agent_is_no_default() -> None:
    recorded = with_settings()
    recorded["files"] = {}
    with pytest.raises(SourceError, match="/home/worker1000"):
        lock(recorded)


def test_settings_that_are_kept_elsewhere_are_not_guessed() -> None:
    variables = {
        "XDG_SESSION_ID": "2",
        "XDG_CURRENT_DESKTOP": "GNOME",
        "GSETTINGS_BACKEND": "memory",
    }
    shell = {"pid": 50, "uid": 1000, "name": "gnome-shell", "environment": variables}
    recorded = with_settings() | {"processes": [shell]}
    with pytest.raises(SourceError, match="outside of dconf"):
        lock(recorded)


class TestAnotherUsersSession:
    """The agent runs as a service user without rights on the worker's home."""

    @staticmethod
    def recorded(folder: Path, *locks: str) -> dict[str, Any]:
        if not SCHEMAS.exists():
            missing("gsettings-desktop-schemas is not installed")
        keys = (
            "[org/gnome/desktop/session]\nidle-delay=uint32 240\n"
            "[org/gnome/desktop/screensaver]\nlock-enabled=true\nlock-delay=uint32 0\n"
            "[org/gnome/desktop/lockdown]\ndisable-lock-screen=false\n"
        )
        database = compile_database(folder, keys, locks).read_bytes()
        return machine(
            session("2"),
            uid=990,
            files={
                str(SCHEMAS): SCHEMAS.read_bytes(),
                "/etc/dconf/profile/user": "user-db:user\nsystem-db:local\n",
                "/etc/dconf/db/local": database,
                "/home/worker1000/.config/dconf/user": {"error": "denied"},
            },
        )

    def test_what_it_locked_for_everybody_is_certain(self, tmp_path: Path) -> None:
        names = [f"/{name.replace('.', '/').replace(' ', '/')}" for name in ALL]
        found = lock(self.recorded(tmp_path, *names))
        assert (found.lock_after_s, found.enforced) == (240, True)

    def test_what_the_worker_may_change_is_denied(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="denied"):
            lock(self.recorded(tmp_path))

    def test_the_program_is_not_run_for_somebody_else(self, tmp_path: Path) -> None:
        recorded = self.recorded(tmp_path)
        recorded["programs"] = gsettings(1000, settings())
        with pytest.raises(SourceError, match="denied"):
            lock(recorded)


@pytest.mark.parametrize(
    ("key", "expected"), [(None, True), ("true", True), ("false", False), ("'odd'", UNKNOWN)]
)
def test_ubuntus_own_key_decides_about_the_lock_before_sleep(
    key: str | None, expected: Any
) -> None:
    recorded = with_settings()
    if key is not None:
        name = "org.gnome.desktop.screensaver ubuntu-lock-on-suspend"
        recorded["programs"].update(gsettings(1000, {name: key}))
    assert lock(recorded).on_sleep == expected
