r"""Remote access on Windows: the processes, and whether Remote Desktop lets anybody in.

`fDenyTSConnections` of `HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server` is 0 where it does;
the policy of the same name counts before it (Microsoft, Group Policy "Allow users to connect
remotely by using Remote Desktop Services").
"""

from functools import partial

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceMissingError
from passmuster_collectors.host.windows_answers import Hive
from passmuster_collectors.signals import registry_settings
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.remote_access.processes import NOT_TOLD, read_tools
from passmuster_collectors.signals.remote_access.products import ToolName

SIGNAL = "remote_access"

POLICY = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
SETTING = r"SYSTEM\CurrentControlSet\Control\Terminal Server"
DENY = "fDenyTSConnections"

UNCLEAR = "It could not be read whether Remote Desktop lets anybody in."


def read(host: Host) -> Reading:
    """Return the tools that run, and Remote Desktop where it is switched on."""
    inquiry = Inquiry()
    found = read_tools(host, inquiry)
    if found is None:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    shared = inquiry.ask(rf"{Hive.LOCAL_MACHINE}\{SETTING}\{DENY}", partial(_is_shared, host))
    if shared is None:
        facts = _facts(found, frozenset({ToolName.WINDOWS_REMOTE_DESKTOP}))
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    if shared:
        found |= {ToolName.WINDOWS_REMOTE_DESKTOP}
    return ok(SIGNAL, host.now(), _facts(found, frozenset()), inquiry.sources)


def _facts(running: frozenset[ToolName], unclear: frozenset[ToolName]) -> RemoteAccessFacts:
    return RemoteAccessFacts(tuple(sorted(running)), tuple(sorted(unclear)))


def _is_shared(host: Host) -> bool:
    for key in (POLICY, SETTING):
        denied = registry_settings.number(host, Hive.LOCAL_MACHINE, key, DENY)
        if denied is not None:
            return denied == 0
    raise SourceMissingError(rf"{SETTING}\{DENY}")  # every Windows has it
