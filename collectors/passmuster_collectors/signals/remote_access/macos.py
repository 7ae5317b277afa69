"""Remote-access tools on a Mac: the processes.

macOS starts its own Screen Sharing when somebody connects, so it is seen while it is in use.
"""

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.remote_access.processes import NOT_TOLD, read_tools

SIGNAL = "remote_access"


def read(host: Host) -> Reading:
    """Return the tools that run."""
    inquiry = Inquiry()
    found = read_tools(host, inquiry)
    if found is None:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    facts = RemoteAccessFacts(tuple(sorted(found)), ())
    return ok(SIGNAL, host.now(), facts, inquiry.sources)
