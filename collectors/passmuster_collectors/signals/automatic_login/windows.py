r"""Automatic sign-in on Windows: `AutoAdminLogon` of Winlogon ("Winlogon Automatic Logon").

Windows reads it as a text and takes "1" for yes. Whose session it opens, and with which password,
is not looked at.
"""

from passmuster_collectors.contract.declaration import UNKNOWN, Unknown
from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals.automatic_login.facts import (
    AutomaticLoginFacts,
    Login,
    LoginProgram,
)
from passmuster_collectors.signals.inquiry import Inquiry

SIGNAL = "automatic_login"

WINLOGON = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
AUTOMATIC, SHELL = "AutoAdminLogon", "Shell"

UNCLEAR = "The settings of Windows' sign-in could not be read."


def read(host: Host) -> Reading:
    """Return whether Windows signs somebody in by itself when it starts."""
    inquiry = Inquiry()
    automatic = inquiry.ask("Winlogon", lambda: _is_automatic(host), otherwise=UNKNOWN)
    facts = AutomaticLoginFacts((Login(LoginProgram.WINDOWS, automatic),))
    if automatic == UNKNOWN:
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def _is_automatic(host: Host) -> bool | Unknown:
    # Every Windows has it: the setting is absent only where the key that holds it is there.
    host.registry_value(Hive.LOCAL_MACHINE, WINLOGON, SHELL)
    try:
        found = host.registry_value(Hive.LOCAL_MACHINE, WINLOGON, AUTOMATIC)
    except SourceMissingError:
        return False
    if found not in {"0", "1", 0, 1}:
        raise SourceConflictError("Winlogon", f"{AUTOMATIC} is neither yes nor no")
    return found in {"1", 1}
