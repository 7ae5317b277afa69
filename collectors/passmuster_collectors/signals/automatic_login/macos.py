"""Automatic login on a Mac: whom the login window lets in, and the password kept for it.

`autoLoginUser` of `com.apple.loginwindow` names the person, `/etc/kcpassword` holds the password:
without it nobody can be let in. A management profile forbids both by
`com.apple.login.mcx.DisableAutoLoginClient` (Apple, device-management, LoginWindow).
"""

from functools import partial
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.signals.automatic_login.facts import (
    AutomaticLoginFacts,
    Login,
    LoginProgram,
)
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import plist_file

SIGNAL = "automatic_login"

SETTINGS = "/Library/Preferences/com.apple.loginwindow.plist"
MANAGED = "/Library/Managed Preferences/com.apple.loginwindow.plist"
PASSWORD = "/etc/kcpassword"  # noqa: S105 - where it is kept, which is never read
USER = "autoLoginUser"
FORBIDDEN = "com.apple.login.mcx.DisableAutoLoginClient"

UNCLEAR = "The settings of this Mac's login window could not be read."


def read(host: Host) -> Reading:
    """Return whether the login window lets somebody in by itself."""
    inquiry = Inquiry()
    automatic = _is_automatic(host, inquiry)
    facts = AutomaticLoginFacts((Login(LoginProgram.MACOS, automatic),))
    if automatic == UNKNOWN:
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def parse_user(settings: dict[str, Any]) -> bool:
    """Return whether the settings name somebody. Raises `SourceConflictError`."""
    user = settings.get(USER, "")
    if not isinstance(user, str):
        raise SourceConflictError(SETTINGS, f"{USER} is not a text")
    return bool(user)


def _is_automatic(host: Host, inquiry: Inquiry) -> bool | Unknown:
    managed = inquiry.ask(MANAGED, partial(_managed, host))
    if managed is not None and managed.get(FORBIDDEN) is True:
        return False
    named = inquiry.ask(SETTINGS, lambda: parse_user(plist_file(host, SETTINGS)))
    if not named:
        return UNKNOWN if named is None else False
    kept = inquiry.ask(PASSWORD, partial(_is_there, host, PASSWORD))
    if kept is None or (kept and managed is None):
        return UNKNOWN
    return kept


def _managed(host: Host) -> dict[str, Any]:
    try:
        return plist_file(host, MANAGED)
    except SourceMissingError:
        return {}


def _is_there(host: Host, path: str) -> bool:
    try:
        host.file_status(path)
    except SourceMissingError:
        return False
    return True
