"""Whether the laptop starts into somebody's session without a password."""

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.automatic_login.facts import AutomaticLoginFacts
from passmuster_collectors.signals.automatic_login.problems import PROBLEMS
from passmuster_collectors.signals.automatic_login.rule import AutomaticLoginLimits, judge
from passmuster_collectors.signals.signal import Signal


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.automatic_login import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.automatic_login import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.automatic_login import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[AutomaticLoginFacts, AutomaticLoginLimits] = Signal(
    id="automatic_login",
    title="Automatic login",
    why=(
        "A laptop that starts into your desktop by itself is open to whoever switches it on.\n"
        "Passmuster looks at whether a password is asked for; never at whose it is."
    ),
    facts=AutomaticLoginFacts,
    limits=AutomaticLoginLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    triggers=frozenset({"org.freedesktop.login1"}),
    blocks=False,
)
