"""Whether the laptop checks what it starts."""

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.secure_boot.facts import SecureBootFacts
from passmuster_collectors.signals.secure_boot.problems import PROBLEMS
from passmuster_collectors.signals.secure_boot.rule import SecureBootLimits, judge
from passmuster_collectors.signals.signal import Signal


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.secure_boot import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.secure_boot import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.secure_boot import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[SecureBootFacts, SecureBootLimits] = Signal(
    id="secure_boot",
    title="Secure boot",
    why=(
        "A laptop that starts anything can be made to start a system that reads along.\n"
        "Passmuster looks at whether the laptop checks what it starts; at nothing that you do."
    ),
    facts=SecureBootFacts,
    limits=SecureBootLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    # It changes while the laptop is off, and is read when the agent starts.
    triggers=frozenset({"boot"}),
    blocks=False,
)
