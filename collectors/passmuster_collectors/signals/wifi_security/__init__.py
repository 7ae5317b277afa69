"""How the network that the laptop is on protects what is sent over it."""

from typing import Any

from passmuster_collectors.contract import codec
from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.reading import Reading
from passmuster_collectors.host.base import Host
from passmuster_collectors.signals.signal import Signal
from passmuster_collectors.signals.wifi_security.facts import WifiSecurityFacts
from passmuster_collectors.signals.wifi_security.problems import PROBLEMS
from passmuster_collectors.signals.wifi_security.rule import WifiLimits, judge


def _read_linux(host: Host) -> Reading:
    # Here, so that a server that imports the signal never loads a reader.
    from passmuster_collectors.signals.wifi_security import linux  # noqa: PLC0415 - see above

    return linux.read(host)


def _read_macos(host: Host) -> Reading:
    from passmuster_collectors.signals.wifi_security import macos  # noqa: PLC0415 - as above

    return macos.read(host)


def _testify_windows(host: Host) -> Any:
    from passmuster_collectors.signals.wifi_security.windows import (  # noqa: PLC0415 - as above
        testimony,
    )

    return codec.encode(testimony.testify(host))


def _read_windows(host: Host) -> Reading:
    from passmuster_collectors.signals.wifi_security import windows  # noqa: PLC0415 - as above

    return windows.read(host)


SIGNAL: Signal[WifiSecurityFacts, WifiLimits] = Signal(
    id="wifi_security",
    title="Wi-Fi security",
    why=(
        "On a network that does not encrypt, anybody nearby can read along or pose as the network."
        "\nPassmuster looks at how the network is protected; its name leaves the laptop only as a "
        "keyed hash."
    ),
    facts=WifiSecurityFacts,
    limits=WifiLimits,
    rule=judge,
    problems=PROBLEMS,
    readers={
        Platform.LINUX: _read_linux,
        Platform.MACOS: _read_macos,
        Platform.WINDOWS: _read_windows,
    },
    triggers=frozenset(
        {
            *("net", "route", "rfkill", "org.passmuster.companion"),
            *("org.freedesktop.NetworkManager", "net.connman.iwd", "fi.w1.wpa_supplicant1"),
        }
    ),
    testifiers={Platform.WINDOWS: _testify_windows},
)
