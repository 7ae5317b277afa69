"""The screen saver of a person, and whether it asks for a password.

Four values, each of which a policy can fix; the control panel writes them as text. Without a
program there is no screen saver, whatever the other values say, and Windows leaves
`ScreenSaveActive` at 1 all the same.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.screen_lock.windows.timing import Cause, Seconds

ACTIVE, PROGRAM, SECURE, TIMEOUT = (
    "ScreenSaveActive",
    "SCRNSAVE.EXE",
    "ScreenSaverIsSecure",
    "ScreenSaveTimeOut",
)
DESKTOP = r"Control Panel\Desktop"
POLICIES = r"Software\Policies\Microsoft\Windows"

WINLOGON = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
GRACE = "ScreenSaverGracePeriod"
DEFAULT_GRACE_S = 5
"""What Windows gives to move the mouse before it asks, where nobody set another time."""

LONGEST_S = 10 * 365 * 86_400
WINDOWS_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
ON_A_DRIVE = re.compile(r"[A-Za-z]:\\[^%/:*?\"<>|]+")
BARE_NAME = re.compile(r"[^%\\/:*?\"<>|]+")
VARIABLE = re.compile(r"^%(systemroot|windir)%", re.IGNORECASE)


@dataclass(frozen=True)
class Settings:
    """Where one person's settings lie: the hive, and the folder in it that is theirs."""

    hive: Hive
    folder: str = ""

    @property
    def own(self) -> str:
        """The key of what they chose themselves."""
        return self.folder + DESKTOP

    @property
    def policy(self) -> str:
        """The key of what a policy fixes for them."""
        return rf"{self.folder}{POLICIES}\{DESKTOP}"


MINE = Settings(Hive.CURRENT_USER)
"""Those of whoever asks."""


@dataclass(frozen=True)
class Setting:
    """A value as it counts, and whether a policy fixes it."""

    value: str | None
    fixed: bool


def read_screen_saver(host: Host, inquiry: Inquiry, sid: str) -> Cause:
    """Return the lock by this person's screen saver."""
    return inquiry.ask(
        "HKU screen saver",
        lambda: _cause(host, inquiry, sid),
        otherwise=Cause(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    )


def _cause(host: Host, inquiry: Inquiry, sid: str) -> Cause:
    theirs = Settings(Hive.USERS, f"{sid}\\")
    active, program, secure, timeout = (
        read_setting(host, theirs, name, _text) for name in (ACTIVE, PROGRAM, SECURE, TIMEOUT)
    )
    fixed = active.fixed and program.fixed and secure.fixed and timeout.fixed
    if active.value == "0" or not program.value or secure.value in {None, "0"}:
        return Cause(None, None)
    there = _is_there(host, program.value)
    if there is False:
        return Cause(None, None)
    after_s = parse_timeout(timeout.value)
    if after_s is None:
        return Cause(None, None)
    if there is not True or active.value != "1" or secure.value != "1" or after_s == UNKNOWN:
        return Cause(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
    grace_s = inquiry.ask(f"HKLM {GRACE}", lambda: read_grace(host), otherwise=UNKNOWN)
    total = after_s + grace_s if isinstance(grace_s, int) else UNKNOWN
    return Cause(total, total, grace_s, fixed)


def parse_timeout(value: str | None) -> Seconds:
    """Return the seconds of `ScreenSaveTimeOut`; 0 is never, nothing and nonsense are unknown."""
    if value is None or not (value.isascii() and value.isdigit() and len(value) < 10):
        return UNKNOWN
    return UNKNOWN if int(value) > LONGEST_S else int(value) or None


def program_path(program: str, windows: str) -> str:
    """Return where the screen saver's program is; `windows` is the folder of Windows itself.

    A bare name is one of System32. Raises `SourceConflictError` for a place on another computer,
    which this reader never asks, and for one that it does not understand.
    """
    name = VARIABLE.sub(lambda _: windows, program.strip().strip('"'))
    if BARE_NAME.fullmatch(name):
        return rf"{windows}\System32\{name}"
    if ON_A_DRIVE.fullmatch(name):
        return name
    raise SourceConflictError(f"HKU {PROGRAM}", "not a program on this computer")


def is_there(host: Host, program: str, windows: str) -> bool:
    """Return whether the screen saver's program exists; Windows starts nothing where it does not.

    Raises `SourceError`.
    """
    try:
        return host.file_status(program_path(program, windows)).size > 0
    except SourceMissingError:
        return False


def _is_there(host: Host, program: str) -> bool | Unknown:
    try:
        windows = windows_folder(host)
    except SourceConflictError:
        return UNKNOWN
    return is_there(host, program, windows)


def windows_folder(host: Host) -> str:
    """Return the folder of Windows itself. Raises `SourceError`."""
    root = registry_settings.text(host, Hive.LOCAL_MACHINE, WINDOWS_VERSION, "SystemRoot")
    if root is None or not ON_A_DRIVE.fullmatch(root):
        raise SourceConflictError("HKLM SystemRoot", "not a folder on a drive")
    return root


def read_setting(
    host: Host, settings: Settings, name: str, read: Callable[[Host, Hive, str, str], str | None]
) -> Setting:
    """Return a value as it counts: a policy's, else the person's own. Raises `SourceError`."""
    fixed = read(host, settings.hive, settings.policy, name)
    if fixed is not None:
        return Setting(fixed, fixed=True)
    return Setting(read(host, settings.hive, settings.own, name), fixed=False)


def _text(host: Host, hive: Hive, key: str, name: str) -> str | None:
    if name == PROGRAM:
        return registry_settings.text(host, hive, key, name)
    value = registry_settings.number(host, hive, key, name)
    return None if value is None else str(value)


def read_grace(host: Host) -> int:
    """Return the seconds in which a movement ends the screen saver without a password."""
    value = registry_settings.number(host, Hive.LOCAL_MACHINE, WINLOGON, GRACE)
    if value is None:
        return DEFAULT_GRACE_S
    if value > LONGEST_S:
        raise SourceConflictError(f"HKLM {GRACE}", "an impossible time")
    return value
