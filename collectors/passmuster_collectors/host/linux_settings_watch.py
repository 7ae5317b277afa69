"""Files that say when screens lock and shells end: the system's, and those of who is logged in.

The files are replaced rather than written, so their folders are watched. Which they are is what the
readers of `screen_lock` and `idle_logoff` read. Who is logged in: systemd-logind's own state,
`/run/systemd/users`, one file a user.
"""

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from passmuster_collectors.host.events import NEVER, SETTINGS, Events
from passmuster_collectors.host.linux_inotify import GONE, OVERFLOW, FolderEvent, Folders

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

LOGGED_IN = "/run/systemd/users"
FIRST_PERSON = 1000
NOBODY = 65_534
MOST_PEOPLE = 32

XFCE = "xfce4/xfconf/xfce-perchannel-xml"
ANY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Watched:
    """Files called one of `names` in `folder`; any where there are none. Names may lie deeper."""

    folder: str
    names: frozenset[str] = ANY


SYSTEM = (
    Watched("/etc", frozenset({"profile", "bash.bashrc", "bashrc", "zshenv", "zprofile", "zshrc"})),
    Watched("/etc/profile.d"),
    Watched("/etc/zsh", frozenset({"zshenv", "zprofile", "zshrc"})),
    Watched("/etc/dconf/db"),
    Watched("/etc/dconf/profile"),
    Watched("/etc/xdg"),
    Watched("/etc/xdg/swayidle"),
    Watched(f"/etc/xdg/{XFCE}"),
)

KDE = frozenset({"kscreenlockerrc", "powerdevilrc", "powermanagementprofilesrc", "kdeglobals"})


def of_person(home: str) -> tuple[Watched, ...]:
    """Return what is watched of a home."""
    settings = f"{home}/.config"
    return (
        Watched(home, frozenset({".xscreensaver"})),
        Watched(settings, KDE),
        Watched(f"{settings}/kdedefaults", KDE),
        Watched(f"{settings}/dconf"),
        Watched(f"{settings}/{XFCE}"),
        Watched(f"{settings}/hypr"),
        Watched(f"{settings}/swayidle"),
    )


class SettingsWatch:
    """Tells `SETTINGS` when one of the files may have changed.

    `system` is watched whoever is logged in; `logged_in` is the folder of logind's state files.
    Whoever runs this process is taken for logged in as well.
    """

    def __init__(self, system: tuple[Watched, ...] = SYSTEM, logged_in: str = LOGGED_IN) -> None:
        self._system = system
        self._logged_in = logged_in
        self._folders: Folders | None = None
        self._files: dict[int, set[str]] = {}
        self._whole: set[int] = set()
        self._awaited: dict[int, set[str]] = {}
        self._state_files = -1
        self._people: frozenset[int] | None = None
        self._complete = False
        self._arm()

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when something changes."""
        return () if self._folders is None else (self._folders.fileno(),)

    def delivers(self, trigger: str) -> bool:
        """Whether every folder is watched, and logind says whose.

        The home of another user may be closed to this process.
        """
        return trigger == SETTINGS and self._complete

    def next_at(self) -> float:
        """Return that there is nothing to do without an event."""
        return NEVER

    def read(self) -> Events:
        """Return `SETTINGS` if one of the files may have changed."""
        if self._folders is None:
            return Events()
        try:
            happened = self._folders.read()
        except (OSError, ValueError):
            happened = (FolderEvent(-1, OVERFLOW, ""),)
        if any(event.mask & OVERFLOW for event in happened):
            self._arm()
            return Events(lost=True)
        changed = any(self._is_watched(event) for event in happened)
        if any(self._moves_watches(event) for event in happened):
            self._arm()
            changed = True
        return Events(frozenset({SETTINGS})) if changed else Events()

    def close(self) -> None:
        """Stop watching."""
        if self._folders is not None:
            self._folders.close()
            self._folders = None

    def _is_watched(self, event: FolderEvent) -> bool:
        return event.watch in self._whole or event.name in self._files.get(event.watch, ())

    def _moves_watches(self, event: FolderEvent) -> bool:
        """Whether there is something else to watch after this event."""
        if event.mask & GONE or event.name in self._awaited.get(event.watch, ()):
            return True
        return event.watch == self._state_files and _uids(self._logged_in) != self._people

    def _arm(self) -> None:
        """Watch anew: what is there may have changed, and who is logged in."""
        self.close()
        self._files, self._whole, self._awaited = {}, set(), {}
        self._complete = False
        try:
            self._folders = Folders()
        except OSError:
            return
        self._state_files, found = self._watch(self._folders, self._logged_in)
        self._people = _uids(self._logged_in)
        wanted = list(self._system)
        for uid in sorted({os.getuid(), *(self._people or ())})[:MOST_PEOPLE]:
            if home := _home(uid):
                wanted.extend(of_person(home))
        complete = found and self._people is not None
        for each in wanted:
            watch, found = self._watch(self._folders, each.folder)
            complete &= watch >= 0
            if found and each.names:
                self._files.setdefault(watch, set()).update(each.names)
            elif found:
                self._whole.add(watch)
        self._complete = complete

    def _watch(self, folders: Folders, wanted: str) -> tuple[int, bool]:
        """Watch a folder, or the nearest one above it until it appears.

        Return the number, -1 where that is refused, and whether it is the folder itself.
        """
        path, awaited = PurePosixPath(wanted), ""
        while True:
            try:
                watch = folders.add(str(path))
            except (FileNotFoundError, NotADirectoryError):
                path, awaited = path.parent, path.name
                continue
            except OSError:
                return -1, False
            if not awaited:
                return watch, True
            self._awaited.setdefault(watch, set()).add(awaited)
            if not Path(path, awaited).is_dir():
                return watch, False
            # It has appeared in between: from the top again.
            path, awaited = PurePosixPath(wanted), ""


def _uids(folder: str) -> frozenset[int] | None:
    """Return the people among logind's state files, or None where there is no such folder."""
    try:
        names = [each.name for each in Path(folder).iterdir()]
    except OSError:
        return None
    uids = {int(name) for name in names if name.isascii() and name.isdigit()}
    return frozenset(uid for uid in uids if uid == 0 or (uid >= FIRST_PERSON and uid != NOBODY))


def _home(uid: int) -> str:
    """Return the home of a person's account, without a slash at its end; empty for none."""
    if uid != 0 and (uid < FIRST_PERSON or uid == NOBODY):
        return ""
    try:
        home = pwd.getpwuid(uid).pw_dir.rstrip("/")
    except (KeyError, OSError):
        return ""
    return home if home.startswith("/") else ""
