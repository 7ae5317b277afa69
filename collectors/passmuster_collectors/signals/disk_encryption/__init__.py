"""Whether what this computer stores can be read by whoever takes it away."""

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.disk_encryption.facts import DiskEncryptionFacts
from passmuster_collectors.signals.disk_encryption.problems import PROBLEMS
from passmuster_collectors.signals.disk_encryption.rule import DiskEncryptionLimits, judge
from passmuster_collectors.signals.signal import Signal


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.disk_encryption import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.disk_encryption import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.disk_encryption import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[DiskEncryptionFacts, DiskEncryptionLimits] = Signal(
    id="disk_encryption",
    title="Disk encryption",
    why=(
        "A lost or stolen laptop gives away what lies on a disk that is not encrypted.\nPassmuster "
        "looks at how disks are protected, never at what is on them and never at a key."
    ),
    facts=DiskEncryptionFacts,
    limits=DiskEncryptionLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    triggers=frozenset({"block", "mount"}),
)
