"""Whether a session that is left alone stops being usable."""

from typing import Any

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.change import Change
from passmuster_collectors.signals.idle_logoff.facts import IdleLogoffFacts
from passmuster_collectors.signals.idle_logoff.problems import PROBLEMS
from passmuster_collectors.signals.idle_logoff.rule import IdleLogoffLimits, judge
from passmuster_collectors.signals.signal import Signal


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.idle_logoff import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _testify_linux(host: Host) -> Any:
    from passmuster_collectors.signals.idle_logoff import linux  # noqa: PLC0415 - as above

    return linux.testify(host)


def _changes_linux(host: Host, within_s: int) -> tuple[Change, ...]:
    from passmuster_collectors.signals.idle_logoff import linux  # noqa: PLC0415 - as above

    return linux.changes_within(host, within_s)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.idle_logoff import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.idle_logoff import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[IdleLogoffFacts, IdleLogoffLimits] = Signal(
    id="idle_logoff",
    title="Idle logoff",
    why=(
        "A session that stays open when nobody is there is an open door to customers' data.\n"
        "Passmuster looks at what would lock or end it, and after how long; never at when you work."
    ),
    facts=IdleLogoffFacts,
    limits=IdleLogoffLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    triggers=frozenset(
        {"org.freedesktop.login1", "org.passmuster.companion", "settings", "process"}
    ),
    testifiers={Platform.LINUX: _testify_linux},
    changers={Platform.LINUX: _changes_linux},
    time_limit="within_s",
)
