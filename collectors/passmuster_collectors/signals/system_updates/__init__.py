"""Whether the system gets security updates, and has installed those that there are."""

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.signal import Signal
from passmuster_collectors.signals.system_updates.facts import SystemUpdatesFacts
from passmuster_collectors.signals.system_updates.problems import PROBLEMS
from passmuster_collectors.signals.system_updates.rule import SystemUpdatesLimits, judge


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.system_updates import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.system_updates import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.system_updates import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[SystemUpdatesFacts, SystemUpdatesLimits] = Signal(
    id="system_updates",
    title="System updates",
    why=(
        "Most break-ins use a mistake that an update had mended long before.\n"
        "Passmuster counts the security updates that wait; it never tells what is installed."
    ),
    facts=SystemUpdatesFacts,
    limits=SystemUpdatesLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    # Nothing announces them: they are looked at every minute, and counted when something changed.
    triggers=frozenset({"packages"}),
    blocks=False,
)
