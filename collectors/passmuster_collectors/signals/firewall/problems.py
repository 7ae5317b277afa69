"""The words for a laptop to which strangers may connect."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.firewall.rule import Problem
from passmuster_collectors.signals.signal import ProblemText

MACOS_FIREWALL = "x-apple.systempreferences:com.apple.Network-Settings.extension?Firewall"
WINDOWS_FIREWALL = "windowsdefender://network/"

SWITCH_ON: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Look for Firewall in your desktop's settings or programs, and switch it on.",
            "On Ubuntu and Mint without such a program, type: sudo ufw enable",
            "May you not change it? Ask IT.",
        )
    ),
    Platform.MACOS: Remedy(
        ("Open System Settings, then Network, then Firewall.", "Switch it on."),
        MACOS_FIREWALL,
    ),
    Platform.WINDOWS: Remedy(
        (
            "Open Windows Security, then Firewall & network protection.",
            "Open the network that is marked as active, and switch the firewall on.",
        ),
        WINDOWS_FIREWALL,
    ),
}
READ_AGAIN: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Look whether your firewall is on; switch it on if it is not.",
            "If this message stays, tell IT: the agent may not read the firewall's rules.",
        ),
        link,
    )
    for platform, link in (
        (Platform.LINUX, None),
        (Platform.MACOS, MACOS_FIREWALL),
        (Platform.WINDOWS, WINDOWS_FIREWALL),
    )
}

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.OPEN: ProblemText(
        "Others on the same network may connect to this laptop: no firewall stops them.",
        "inbound connections are not filtered ({protocols})",
        SWITCH_ON,
    ),
    Problem.UNCLEAR: ProblemText(
        "It is not clear whether a firewall protects this laptop.",
        "could not read what becomes of inbound connections ({protocols})",
        READ_AGAIN,
    ),
    Problem.UNREADABLE: ProblemText(
        "Passmuster could not find out whether a firewall protects this laptop. {reason}",
        "firewall could not be read: {reason}",
        READ_AGAIN,
    ),
}
