"""The automatic log-out of a Mac: how long without input until it ends a session.

A computer-wide preference, in seconds, 0 and absent both for never (System Settings, Privacy &
Security, Advanced). A management profile wins over it.
"""

from functools import partial
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Host, SourceMissingError
from passmuster_collectors.signals.idle_logoff.facts import Coverage, Kind, Mechanism
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import plist_file

KEY = "com.apple.autologout.AutoLogOutDelay"
FILE = ".GlobalPreferences.plist"
MANAGED = "/Library/Managed Preferences"
PREFERENCES = f"/Library/Preferences/{FILE}"
LONGEST_S = 10 * 365 * 86_400


def read_automatic_logout(host: Host, inquiry: Inquiry, user: str) -> Mechanism:
    """Return the log-out that the person with that account name gets."""
    for path, name, managed in (
        (f"{MANAGED}/{user}/{FILE}", f"{MANAGED}/~/{FILE}", True),
        (f"{MANAGED}/{FILE}", f"{MANAGED}/{FILE}", True),
        (PREFERENCES, PREFERENCES, False),
    ):
        preferences = inquiry.ask(name, partial(_preferences, host, path))
        if preferences is None:
            return _logout(UNKNOWN, enforced=UNKNOWN)
        if KEY in preferences:
            after_s = parse_delay(preferences[KEY])
            return _logout(after_s, enforced=managed and isinstance(after_s, int))
    return _logout(None, enforced=False)


def parse_delay(value: Any) -> int | Unknown | None:
    """Return the seconds that the preference holds; None is never, a strange value is unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN
    if not 0 <= value <= LONGEST_S:
        return UNKNOWN
    return int(value) or None


def _logout(after_s: int | Unknown | None, *, enforced: bool | Unknown) -> Mechanism:
    return Mechanism(Kind.LOGOUT, after_s, Coverage.GRAPHICAL, enforced)


def _preferences(host: Host, path: str) -> dict[str, Any]:
    try:
        return plist_file(host, path)
    except SourceMissingError:
        return {}
