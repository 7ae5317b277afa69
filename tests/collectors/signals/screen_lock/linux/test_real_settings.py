"""Reading dconf's files gives what the real `gsettings` gives, for the same settings."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from passmuster_collectors.host.base import SourceError
from passmuster_collectors.host.linux import LinuxHost
from passmuster_collectors.signals.screen_lock.linux.dconf import DconfFiles
from passmuster_collectors.signals.screen_lock.linux.environment import Surroundings
from passmuster_collectors.signals.screen_lock.linux.gsettings import GSettingsProgram
from passmuster_collectors.signals.screen_lock.linux.settings import Settings
from passmuster_collectors.signals.screen_lock.linux.witness import Witness
from tests.support.dconf import compile_database
from tests.support.tools import missing, require_tool

SESSION = "org.gnome.desktop.session"
SCREENSAVER = "org.gnome.desktop.screensaver"
IDLE = "/org/gnome/desktop/session/idle-delay"
LOCK = "/org/gnome/desktop/screensaver/lock-enabled"
KEYS = (
    (SESSION, "idle-delay"),
    (SCREENSAVER, "lock-enabled"),
    (SCREENSAVER, "lock-delay"),
    ("org.gnome.desktop.lockdown", "disable-lock-screen"),
    ("org.gnome.desktop.background", "picture-options"),
)


def idle_delay(value: str) -> str:
    return f"[org/gnome/desktop/session]\nidle-delay={value}\n"


def lock_enabled(value: str) -> str:
    return f"[org/gnome/desktop/screensaver]\nlock-enabled={value}\n"


class Desk:
    """A user's settings in a folder: own database, a database of IT, overrides of defaults."""

    def __init__(self, folder: Path) -> None:
        require_tool("gsettings")
        if not Path("/usr/share/glib-2.0/schemas/org.gnome.desktop.session.gschema.xml").exists():
            missing("gsettings-desktop-schemas is not installed")
        self.folder = folder
        (folder / "config" / "dconf").mkdir(parents=True)
        self.variables = {
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CURRENT_DESKTOP": "GNOME",
            "XDG_DATA_DIRS": "/usr/share",
            "DCONF_PROFILE": str(folder / "profile"),
        }
        self.profile("user-db:user")

    def profile(self, *lines: str) -> None:
        (self.folder / "profile").write_text("".join(f"{line}\n" for line in lines))

    def own(self, keys: str, *locks: str) -> None:
        made = self.folder / "own"
        made.mkdir()
        compile_database(made, keys, locks).rename(self.folder / "config" / "dconf" / "user")

    def administrator(self, keys: str, *locks: str) -> None:
        made = self.folder / "administrator"
        made.mkdir()
        database = compile_database(made, keys, locks)
        self.profile("user-db:user", f"file-db:{database}")

    def overrides(self, text: str) -> None:
        compilers = list(Path("/usr/lib").glob("*/glib-2.0/glib-compile-schemas"))
        if not compilers:
            missing("glib-compile-schemas is not installed")
        schemas = self.folder / "share" / "glib-2.0" / "schemas"
        schemas.mkdir(parents=True)
        for source in Path("/usr/share/glib-2.0/schemas").glob("*.xml"):
            (schemas / source.name).symlink_to(source)
        (schemas / "90_test.gschema.override").write_text(text)
        subprocess.run([compilers[0], schemas], check=True, capture_output=True)
        self.variables["XDG_DATA_DIRS"] = str(self.folder / "share")

    def surroundings(self) -> Surroundings:
        return Surroundings(str(self.folder), None, self.variables)

    def by_files(self) -> Mapping[tuple[str, str], object]:
        files = DconfFiles(witness(), os.getuid(), self.surroundings())
        return {key: files.read(*key) for key in KEYS}

    def by_program(self) -> Mapping[tuple[str, str], object]:
        program = GSettingsProgram(witness(), os.getuid(), self.surroundings(), "GNOME")
        return {key: program.read(*key) for key in KEYS}


def witness() -> Witness:
    return Witness(LinuxHost(b"a key for this test"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_nothing_set_is_the_schemas_defaults(desk: Desk) -> None:
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (300, False)


def test_the_users_own_value_counts(desk: Desk) -> None:
    desk.own(idle_delay("uint32 0") + lock_enabled("false"))
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (0, False)


def test_the_administrators_value_counts_where_the_user_has_none(desk: Desk) -> None:
    desk.administrator(idle_delay("uint32 240"))
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (240, False)


def test_a_locked_value_beats_the_users_and_cannot_be_changed(desk: Desk) -> None:
    desk.own(idle_delay("uint32 0"))
    desk.administrator(idle_delay("uint32 240"), IDLE)
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (240, True)


def test_a_lock_without_a_value_locks_the_default(desk: Desk) -> None:
    desk.own(lock_enabled("false"))
    desk.administrator(idle_delay("uint32 240"), LOCK)
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SCREENSAVER, "lock-enabled"] == (True, True)


def test_the_users_own_locks_lock_nothing(desk: Desk) -> None:
    desk.own(idle_delay("uint32 120"), IDLE)
    desk.administrator(lock_enabled("true"))
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (120, False)


def test_a_value_of_the_wrong_type_is_passed_over(desk: Desk) -> None:
    desk.own(idle_delay("0"))
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (300, False)


def test_an_override_changes_the_default(desk: Desk) -> None:
    desk.overrides("[org.gnome.desktop.session]\nidle-delay=uint32 900\n")
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (900, False)


@pytest.mark.parametrize(("desktop", "expected"), [("GNOME", 300), ("ubuntu:GNOME", 1200)])
def test_an_override_for_one_desktop_changes_it_there_alone(
    desk: Desk, desktop: str, expected: int
) -> None:
    desk.overrides("[org.gnome.desktop.session:ubuntu]\nidle-delay=uint32 1200\n")
    desk.variables["XDG_CURRENT_DESKTOP"] = desktop
    assert desk.by_files() == desk.by_program()
    assert desk.by_files()[SESSION, "idle-delay"] == (expected, False)


def test_without_the_desktops_name_such_a_default_is_not_guessed(desk: Desk) -> None:
    desk.overrides("[org.gnome.desktop.session:ubuntu]\nidle-delay=uint32 1200\n")
    files = DconfFiles(witness(), os.getuid(), desk.surroundings())
    files._surroundings = Surroundings(str(desk.folder), None, None)
    with pytest.raises(SourceError, match="differs by desktop"):
        files.read(SESSION, "idle-delay")


def test_the_program_is_asked_where_the_files_are_of_no_use(desk: Desk) -> None:
    (desk.folder / "config" / "dconf" / "user").write_bytes(b"not a database")
    with pytest.raises(SourceError, match="conflict"):
        desk.by_files()
    settings = Settings(witness(), os.getuid(), desk.surroundings(), "GNOME")
    assert settings.number(SESSION, "idle-delay") == 300


def test_a_key_that_is_not_installed_is_missing_either_way(desk: Desk) -> None:
    with pytest.raises(SourceError, match="missing"):
        DconfFiles(witness(), os.getuid(), desk.surroundings()).read(SCREENSAVER, "no-such-key")
    with pytest.raises(SourceError, match="missing"):
        GSettingsProgram(witness(), os.getuid(), desk.surroundings(), "GNOME").read(
            SCREENSAVER, "no-such-key"
        )
    settings = Settings(witness(), os.getuid(), desk.surroundings(), "GNOME")
    assert settings.flag_if_known(SCREENSAVER, "no-such-key") is None
