"""Whether the screens of the people who are logged in lock by themselves."""

from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.change import Change
from passmuster_collectors.signals.screen_lock.facts import ScreenLockFacts
from passmuster_collectors.signals.screen_lock.problems import PROBLEMS
from passmuster_collectors.signals.screen_lock.rule import ScreenLockLimits, judge
from passmuster_collectors.signals.signal import Signal


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.screen_lock import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _testify_linux(host: Host) -> Any:
    from passmuster_collectors.signals.screen_lock import linux  # noqa: PLC0415 - as above

    return linux.testify(host)


def _changes_linux(host: Host, within_s: int) -> tuple[Change, ...]:
    from passmuster_collectors.signals.screen_lock import linux  # noqa: PLC0415 - as above

    return linux.changes_within(host, within_s)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.screen_lock import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _changes_macos(host: Host, within_s: int) -> tuple[Change, ...]:
    from passmuster_collectors.signals.screen_lock.macos import changes  # noqa: PLC0415 - as above

    return changes.changes_within(host, within_s)


def _testify_macos(host: Host) -> Any:
    from passmuster_collectors.signals.screen_lock.macos import testimony  # noqa: PLC0415 - same

    return codec.encode(testimony.testify(host))


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.screen_lock import windows  # noqa: PLC0415 - as above

    return windows.read(host)


def _changes_windows(host: Host, within_s: int) -> tuple[Change, ...]:
    from passmuster_collectors.signals.screen_lock.windows import changes  # noqa: PLC0415 - same

    return changes.changes_within(host, within_s)


SIGNAL: Signal[ScreenLockFacts, ScreenLockLimits] = Signal(
    id="screen_lock",
    title="Screen lock",
    why=(
        "An unattended screen shows customers' data to whoever walks by.\nPassmuster looks at when "
        "the screen locks, never at what is on it."
    ),
    facts=ScreenLockFacts,
    limits=ScreenLockLimits,
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
    testifiers={Platform.LINUX: _testify_linux, Platform.MACOS: _testify_macos},
    changers={
        Platform.LINUX: _changes_linux,
        Platform.MACOS: _changes_macos,
        Platform.WINDOWS: _changes_windows,
    },
    time_limit="lock_within_s",
)
