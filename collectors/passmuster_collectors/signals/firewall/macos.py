"""The firewall on a Mac: the state that its own program tells.

`socketfilterfw --getglobalstate` needs no rights and ends its sentence with a number: 0 is off,
1 on, 2 blocks everything. The settings file of older versions is gone since macOS 15.
"""

import re

from passmuster_collectors.contract.reading import Reading, ok, unavailable
from passmuster_collectors.host.base import Host, SourceConflictError
from passmuster_collectors.host.commands import Program
from passmuster_collectors.signals.firewall.facts import FirewallFacts, Inbound
from passmuster_collectors.signals.inquiry import Inquiry
from passmuster_collectors.signals.program_output import succeeded

SIGNAL = "firewall"

PROGRAM = Program.SOCKETFILTERFW
SENTENCE = re.compile(rb"Firewall is [^(\n]*\(State = ([012])\)\s*")

NOT_TOLD = "This Mac does not tell whether its firewall is on."


def read(host: Host) -> Reading:
    """Return whether the firewall is on; it is one for both protocols."""
    inquiry = Inquiry()
    found = inquiry.ask(PROGRAM.paths[0], lambda: parse_state(_state(host)))
    if found is None:
        return unavailable(SIGNAL, host.now(), NOT_TOLD, inquiry.sources)
    return ok(SIGNAL, host.now(), FirewallFacts(found, found), inquiry.sources)


def parse_state(output: bytes) -> Inbound:
    """Return what the number says. Raises `SourceConflictError` for any other sentence."""
    found = SENTENCE.fullmatch(output)
    if found is None:
        raise SourceConflictError(PROGRAM.paths[0], "a sentence that is not known")
    return Inbound.OPEN if found[1] == b"0" else Inbound.BLOCKED


def _state(host: Host) -> bytes:
    return succeeded(PROGRAM, host.run(PROGRAM, "--getglobalstate"))
