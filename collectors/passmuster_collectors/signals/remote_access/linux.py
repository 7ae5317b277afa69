"""Remote-access tools on Linux: the processes, and for GNOME's own daemon whether it listens.

GNOME's daemon may run and let nobody in until it is switched on. Listening
sockets: `/proc/net/tcp` and `tcp6`, state `0A` (Documentation/networking/proc_net_tcp.rst).
"""

from functools import partial

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError, SourceMissingError
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.remote_access.processes import NOT_TOLD, read_tools
from passmuster_collectors.signals.remote_access.products import TOOLS, ToolName

SIGNAL = "remote_access"

TCP = ("/proc/net/tcp", "/proc/net/tcp6")
LISTENING = "0A"
MAX_SOCKETS = 4 * 1024 * 1024

UNCLEAR = "It could not be read whether the remote desktop lets anybody in."


def read(host: Host) -> Reading:
    """Return the tools that run and let somebody in."""
    inquiry = Inquiry()
    found = read_tools(host, inquiry)
    if found is None:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    dormant = frozenset(tool for tool in found if TOOLS[tool].ports)
    ports = _read_ports(host, inquiry) if dormant else frozenset[int]()
    if ports is None:
        facts = _facts(found - dormant, dormant)
        return unavailable(SIGNAL, host.now(), UNCLEAR, inquiry.sources, facts)
    awake = frozenset(tool for tool in dormant if not ports.isdisjoint(TOOLS[tool].ports))
    facts = _facts((found - dormant) | awake, frozenset())
    return ok(SIGNAL, host.now(), facts, inquiry.sources)


def parse_listening(content: bytes) -> frozenset[int]:
    """Return the ports on which the sockets of a table listen. Raises `ValueError`."""
    head, *lines = content.decode("ascii").splitlines()
    if "local_address" not in head:
        raise ValueError("not a table of sockets")
    rows = [line.split() for line in lines]
    return frozenset(
        int(row[1].rpartition(":")[2], 16) for row in rows if row[3].upper() == LISTENING
    )


def _facts(running: frozenset[ToolName], unclear: frozenset[ToolName]) -> RemoteAccessFacts:
    return RemoteAccessFacts(tuple(sorted(running)), tuple(sorted(unclear)))


def _read_ports(host: Host, inquiry: Inquiry) -> frozenset[int] | None:
    tables = [inquiry.ask(path, partial(_ports, host, path)) for path in TCP]
    found = [ports for ports in tables if ports is not None]
    return frozenset[int]().union(*found) if len(found) == len(tables) else None


def _ports(host: Host, path: str) -> frozenset[int]:
    try:
        return parse_listening(host.read_file(path, limit=MAX_SOCKETS))
    except SourceMissingError:
        if path == TCP[0]:
            raise
        return frozenset()  # a kernel without IPv6
    except (ValueError, IndexError):
        raise SourceConflictError(path, "not a table of sockets") from None
