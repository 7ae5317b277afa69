"""Whether strangers on the same network may connect to the laptop."""

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.firewall.facts import FirewallFacts
from passmuster_collectors.signals.firewall.problems import PROBLEMS
from passmuster_collectors.signals.firewall.rule import FirewallLimits, judge
from passmuster_collectors.signals.signal import Signal


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.firewall import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.firewall import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.firewall import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[FirewallFacts, FirewallLimits] = Signal(
    id="firewall",
    title="Firewall",
    why=(
        "Without a firewall anybody in the same café can try every program that listens here.\n"
        "Passmuster looks at whether strangers are let in; never at who connects to what."
    ),
    facts=FirewallFacts,
    limits=FirewallLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    # Nobody announces a changed rule: a program sets it, and those are looked for every minute.
    triggers=frozenset({"route", "process"}),
    blocks=False,
)
