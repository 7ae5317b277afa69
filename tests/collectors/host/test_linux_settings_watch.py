"""Settings files on a real file system, through real inotify."""

import os
import pwd
import select
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from passmuster_collectors.host import linux_settings_watch
from passmuster_collectors.host.events import NEVER, SETTINGS, Events
from passmuster_collectors.host.linux_inotify import Folders
from passmuster_collectors.host.linux_settings_watch import (
    SYSTEM,
    XFCE,
    SettingsWatch,
    Watched,
    of_person,
)
from tests.support.dconf import compile_database

ANA, BEN = 1000, 1001


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Accounts whose homes lie in a folder of this test; this process runs as one without."""
    folder = tmp_path / "home"
    for uid in (ANA, BEN):
        (folder / str(uid)).mkdir(parents=True)

    def account(uid: int) -> pwd.struct_passwd:
        if uid not in (ANA, BEN):
            raise KeyError(uid)
        return pwd.struct_passwd(("", "x", uid, uid, "", str(folder / str(uid)), "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwuid", account)
    return folder


@pytest.fixture
def logged_in(tmp_path: Path) -> Path:
    folder = tmp_path / "users"
    folder.mkdir()
    (folder / str(ANA)).touch()
    return folder


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(homes: Path, logged_in: Path, etc: Path) -> Iterator[SettingsWatch]:
    system = tuple(Watched(each.folder.replace("/etc", str(etc), 1), each.names) for each in SYSTEM)
    opened = SettingsWatch(system, str(logged_in))
    assert opened.delivers(SETTINGS), f"{homes} can't be watched"
    yield opened
    opened.close()


def heard(watch: SettingsWatch) -> Events:
    """Return what the kernel has told: it does so before the call that changed a file returns."""
    select.select(watch.descriptors(), [], [], 0.0)
    return watch.read()


def told(watch: SettingsWatch) -> bool:
    return SETTINGS in heard(watch).triggers


def replace(path: Path, content: str = "new") -> None:
    """Write as dconf, KConfig and xfconf do: another file, put in the old one's place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    other = path.with_name(path.name + ".new")
    other.write_text(content)
    other.rename(path)


class TestAPersonsFiles:
    @pytest.mark.parametrize(
        "name",
        [
            ".config/dconf/user",
            ".config/kscreenlockerrc",
            ".config/powerdevilrc",
            ".config/kdedefaults/kscreenlockerrc",
            f".config/{XFCE}/xfce4-screensaver.xml",
            f".config/{XFCE}/xfce4-power-manager.xml",
            ".config/hypr/hypridle.conf",
            ".config/swayidle/config",
            ".xscreensaver",
        ],
    )
    def test_are_told_when_they_appear_change_and_go(
        self, watch: SettingsWatch, homes: Path, name: str
    ) -> None:
        path = homes / str(ANA) / name
        replace(path, "first")
        assert told(watch), "it appeared, and its folders with it"
        assert not told(watch), "once"
        replace(path, "second")
        assert told(watch)
        path.unlink()
        assert told(watch)

    def test_other_files_beside_them_are_passed_over(
        self, watch: SettingsWatch, homes: Path
    ) -> None:
        (homes / str(ANA) / ".config").mkdir()
        heard(watch)
        replace(homes / str(ANA) / "letter.txt")
        replace(homes / str(ANA) / ".config" / "browserrc")
        assert not heard(watch)

    def test_of_who_is_not_logged_in_are_passed_over(
        self, watch: SettingsWatch, homes: Path
    ) -> None:
        replace(homes / str(BEN) / ".config/dconf/user")
        assert not heard(watch)

    def test_of_who_logs_in_later_are_watched_and_of_who_logs_out_no_more(
        self, watch: SettingsWatch, homes: Path, logged_in: Path
    ) -> None:
        (logged_in / str(BEN)).touch()
        assert told(watch)
        replace(homes / str(BEN) / ".config/dconf/user")
        assert told(watch)
        (logged_in / str(BEN)).unlink()
        assert told(watch)
        replace(homes / str(BEN) / ".config/dconf/user")
        assert not heard(watch)

    def test_that_logind_only_writes_its_state_anew_is_nothing(
        self, watch: SettingsWatch, logged_in: Path
    ) -> None:
        replace(logged_in / str(ANA))
        assert not heard(watch)

    def test_a_folder_that_is_put_in_anothers_place_is_watched(
        self, watch: SettingsWatch, homes: Path
    ) -> None:
        folder = homes / str(ANA) / ".config/dconf"
        replace(folder / "user")
        heard(watch)
        shutil.rmtree(folder)
        assert told(watch)
        replace(folder / "user")
        assert told(watch)
        replace(folder / "user")
        assert told(watch)

    def test_a_real_change_by_dconf_is_told(
        self, watch: SettingsWatch, homes: Path, tmp_path: Path
    ) -> None:
        database = compile_database(tmp_path, "[org/gnome/desktop/screensaver]\nlock-enabled=false")
        folder = homes / str(ANA) / ".config/dconf"
        folder.mkdir(parents=True)
        heard(watch)
        shutil.copy(database, folder / "user")
        assert told(watch)


class TestTheSystemsFiles:
    @pytest.mark.parametrize(
        "name",
        [
            "profile",
            "profile.d/timeout.sh",
            "dconf/db/local",
            "dconf/profile/user",
            "xdg/kdeglobals",
        ],
    )
    def test_are_told(self, watch: SettingsWatch, etc: Path, name: str) -> None:
        replace(etc / name)
        assert told(watch)

    def test_other_files_beside_them_are_passed_over(self, watch: SettingsWatch, etc: Path) -> None:
        replace(etc / "resolv.conf")
        assert not heard(watch)


class TestWhatItDelivers:
    def test_settings_and_nothing_else(self, watch: SettingsWatch) -> None:
        assert watch.delivers(SETTINGS)
        assert not watch.delivers("usb")
        assert watch.next_at() == NEVER

    def test_not_where_nobody_tells_who_is_logged_in(self, homes: Path, tmp_path: Path) -> None:
        opened = SettingsWatch((), str(tmp_path / "none"))
        assert not opened.delivers(SETTINGS)
        (tmp_path / "none").mkdir()
        assert told(opened), "it has appeared"
        assert opened.delivers(SETTINGS)
        opened.close()

    def test_not_where_a_home_is_closed_to_this_process(
        self, homes: Path, logged_in: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Folders.add

        def closed(folders: Folders, path: str) -> int:
            if path.startswith(str(homes)):
                raise PermissionError(path)
            return real(folders, path)

        monkeypatch.setattr(Folders, "add", closed)
        opened = SettingsWatch((), str(logged_in))
        assert not opened.delivers(SETTINGS)
        assert not opened.read()
        opened.close()

    def test_not_where_the_kernel_has_no_inotify_left(
        self, homes: Path, logged_in: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused() -> None:
            raise OSError(24, "too many open files")

        monkeypatch.setattr(linux_settings_watch, "Folders", refused)
        opened = SettingsWatch((), str(logged_in))
        assert opened.descriptors() == ()
        assert not opened.delivers(SETTINGS)
        assert not opened.read()
        opened.close()


def test_more_events_than_fit_mean_that_anything_may_have_changed(
    watch: SettingsWatch, homes: Path
) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    names = [homes / str(ANA) / name for name in ("a", "b")]
    for number in range(limit // 2 + 1000):
        # Two events each, told apart by their names so that the kernel does not merge them.
        os.close(os.open(names[number % 2], os.O_CREAT | os.O_WRONLY))
        names[number % 2].unlink()
    assert heard(watch).lost
    replace(homes / str(ANA) / ".config/dconf/user")
    assert told(watch), "it goes on afterwards"


def test_links_that_lead_in_a_circle_are_survived(homes: Path, logged_in: Path) -> None:
    (homes / str(ANA) / ".config").symlink_to(".config")
    opened = SettingsWatch((), str(logged_in))
    assert not opened.delivers(SETTINGS)
    opened.close()


def test_what_is_watched_of_a_home_lies_in_it() -> None:
    assert all(each.folder.startswith("/home/ana") for each in of_person("/home/ana"))
