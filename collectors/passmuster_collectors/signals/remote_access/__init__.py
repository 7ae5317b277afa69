"""Whether a program runs that lets somebody elsewhere use this laptop."""

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.remote_access.facts import RemoteAccessFacts
from passmuster_collectors.signals.remote_access.problems import PROBLEMS
from passmuster_collectors.signals.remote_access.rule import RemoteAccessLimits, judge
from passmuster_collectors.signals.signal import Signal


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.remote_access import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.remote_access import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.remote_access import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[RemoteAccessFacts, RemoteAccessLimits] = Signal(
    id="remote_access",
    title="Remote access",
    why=(
        "With such a tool somebody elsewhere sees customers' data, and fraudsters ask people to "
        "start one.\n"
        "Passmuster looks for the tools on its list; other programs are neither told nor kept."
    ),
    facts=RemoteAccessFacts,
    limits=RemoteAccessLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    triggers=frozenset({"process"}),
    blocks=False,
)
