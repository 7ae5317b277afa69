"""What real machines are set to, as recorded outputs of real machines show it."""

from pathlib import Path
from typing import Any

import pytest

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.declaration import UNKNOWN
from passmuster_collectors.runner import collect
from passmuster_collectors.signals.screen_lock import SIGNAL
from passmuster_collectors.signals.screen_lock.facts import LockSession, ScreenLockFacts
from passmuster_collectors.signals.screen_lock.linux import hypridle, xfce
from passmuster_collectors.text import gvdb, key_value, xfconf
from tests.support.dconf import compile_database
from tests.support.people import machine, session
from tests.support.recorded_host import RecordedHost
from tests.support.recordings import RecordedCase, recorded_case
from tests.support.tools import missing

HOME = "/home/worker1000"
SCHEMAS = Path("/usr/share/glib-2.0/schemas/gschemas.compiled")
LOCK_ENABLED = "/org/gnome/desktop/screensaver/lock-enabled"


def read(recorded: dict[str, Any]) -> LockSession:
    (reading,) = collect(RecordedHost(recorded), [SIGNAL])
    (found,) = codec.decode(ScreenLockFacts, reading.facts).sessions
    return found


def gnome(case: RecordedCase, folder: Path) -> LockSession:
    """Return how GNOME locks with the recorded settings as the user's own, compiled by dconf."""
    if not SCHEMAS.exists():
        missing("gsettings-desktop-schemas is not installed")
    files = {
        str(SCHEMAS): SCHEMAS.read_bytes(),
        f"{HOME}/.config/dconf/user": compile_database(folder, case.text).read_bytes(),
    }
    return read(machine(session("2"), files=files))


def kde(case: RecordedCase, place: str = ".config/kscreenlockerrc") -> LockSession:
    """Return how KDE locks with the recorded file in its place."""
    files = {f"{HOME}/{place}": case.text}
    return read(machine(session("2", desktop="KDE"), files=files))


@pytest.mark.parametrize(
    "name",
    ["dconf_flight_idle0_lock_off", "dconf_ini_untyped_ints", "dconf_keyfile_server_lock_off"],
)
def test_gnome_with_its_lock_switched_off_never_locks(name: str, tmp_path: Path) -> None:
    case = recorded_case(f"linux/screen_lock/{name}")
    assert case.facts["compliant"] is False
    assert gnome(case, tmp_path).lock_after_s is None


def test_gnome_with_other_settings_changed_locks_as_installed(tmp_path: Path) -> None:
    case = recorded_case("linux/screen_lock/gnome_screensaver_group_without_lock_keys")
    found = gnome(case, tmp_path)
    assert found.lock_after_s == case.facts["idle_delay_s"] + case.facts["lock_delay_s"]


def test_a_dump_without_lock_settings_says_nothing_of_the_lock(tmp_path: Path) -> None:
    case = recorded_case("linux/screen_lock/dconf_dump_no_lock_keys")
    assert case.facts["lock_enabled"] == "default"
    database = compile_database(tmp_path, case.text).read_bytes()
    assert gvdb.parse(database).value(LOCK_ENABLED) is None
    hyprland = session("2", desktop="Hyprland", service="login")
    found = read(machine(hyprland, files={f"{HOME}/.config/dconf/user": database}))
    assert found.lock_after_s != 300, "GNOME's default is nobody's but GNOME's"


def test_kdes_timeout_is_in_minutes_and_its_grace_is_added() -> None:
    case = recorded_case("linux/screen_lock/kde_timeout_30")
    found = kde(case)
    assert found.grace_s == case.facts["grace_s"]
    assert found.lock_after_s == case.facts["timeout_s"] + case.facts["grace_s"]


def test_kde_with_autolock_off_never_locks() -> None:
    case = recorded_case("linux/screen_lock/kde_user_autolock_off_timeout0")
    assert case.facts["compliant"] is False
    assert kde(case).lock_after_s is None


def test_a_theme_without_lock_settings_changes_nothing() -> None:
    case = recorded_case("linux/screen_lock/kde_kdedefaults_theme_only")
    assert case.facts["overrides"] == {}
    assert kde(case, ".config/kdedefaults/kscreenlockerrc").lock_after_s == 305


def test_not_locked_says_nothing_where_lockers_do_not_tell_logind() -> None:
    case = recorded_case("linux/screen_lock/loginctl_locked_hint_wlroots_defect")
    hint = key_value.parse(case.content)["LockedHint"] == "yes"
    found = read(machine(session("2", desktop="sway", service="greetd", locked=hint)))
    assert found.locked == case.facts["locked"] == UNKNOWN


def test_hypridle_locks_when_its_listener_asks_for_it() -> None:
    case = recorded_case("linux/screen_lock/hypridle_lock_1800")
    found = hypridle.parse(case.content)
    assert found.lock_after_s == case.facts["lock_after_s"]
    assert found.on_sleep is case.facts["before_sleep_lock"]


@pytest.mark.parametrize(
    "name", ["xfconf_xfce4_power_manager", "xfconf_xfce4_power_manager_default"]
)
def test_xfces_power_manager_says_whether_it_locks_before_sleep(name: str) -> None:
    case = recorded_case(f"linux/screen_lock/{name}")
    channel = xfconf.parse(case.content)
    power = {full: (prop, False) for full, prop in channel.properties.items()}
    found = xfce.parse({}, power)
    assert found.on_sleep is case.facts["lock_on_suspend"]
    assert found.lock_after_s == 300, "the power manager says nothing of the idle lock"
