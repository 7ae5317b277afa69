"""What a management profile sets for the screen saver (payload com.apple.screensaver).

The profile's values lie in property lists that anyone can read and only the system can write; the
person's own file counts before the computer's.
"""

from dataclasses import dataclass
from typing import Any

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.host.base import Host, SourceMissingError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import plist_file

FOLDER = "/Library/Managed Preferences"
FILE = "com.apple.screensaver.plist"


@dataclass(frozen=True)
class Managed:
    """What is managed. `idle_s` is None where it is left to the person; 0 is never."""

    idle_s: int | Unknown | None
    asks_password: bool | Unknown

    @property
    def enforced(self) -> bool | Unknown:
        """Whether the person can neither put the screen saver off nor do without the password."""
        if UNKNOWN in (self.idle_s, self.asks_password):
            return UNKNOWN
        return bool(self.idle_s) and self.asks_password is True


def read_managed(host: Host, inquiry: Inquiry, user: str) -> Managed:
    """Return what the profiles say for the person with that account name."""
    own = _read(host, inquiry, f"{FOLDER}/{user}/{FILE}", f"{FOLDER}/~/{FILE}")
    shared = _read(host, inquiry, f"{FOLDER}/{FILE}", f"{FOLDER}/{FILE}")
    if own is None or shared is None:
        return Managed(UNKNOWN, UNKNOWN)
    return parse_managed({**shared, **own})


def parse_managed(preferences: dict[str, Any]) -> Managed:
    """Return what the keys of the payload say; `unknown` for a value of another type."""
    idle = preferences.get("idleTime")
    asks = preferences.get("askForPassword", False)
    if idle is not None and (isinstance(idle, bool) or not isinstance(idle, int | float)):
        idle = UNKNOWN
    elif idle is not None:
        idle = int(idle) if 0 <= idle < 2**31 else UNKNOWN
    # Older profiles write numbers for truth values.
    return Managed(idle, bool(asks) if asks in (True, False) else UNKNOWN)


def _read(host: Host, inquiry: Inquiry, path: str, name: str) -> dict[str, Any] | None:
    def content() -> dict[str, Any]:
        try:
            return plist_file(host, path)
        except SourceMissingError:
            return {}

    return inquiry.ask(name, content)
