"""The words for tools that let somebody else in."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.remote_access.rule import Problem
from passmuster_collectors.signals.signal import ProblemText

MACOS_SHARING = "x-apple.systempreferences:com.apple.Sharing-Settings.extension"
MACOS_LOGIN_ITEMS = "x-apple.systempreferences:com.apple.LoginItems-Settings.extension"
WINDOWS_APPS = "ms-settings:startupapps"
WINDOWS_REMOTE = "ms-settings:remotedesktop"

NEEDED = "Do you need it for your work? Ask IT to allow it."
CALLED = "Did somebody on the phone ask you to start it? Hang up and tell IT at once."

QUIT: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        ("Quit {tool}, and take it out of the programs that start by themselves.", NEEDED, CALLED)
    ),
    Platform.MACOS: Remedy(
        (
            "Quit {tool}.",
            "Open System Settings, General, Login Items, and switch it off there.",
            NEEDED,
            CALLED,
        ),
        MACOS_LOGIN_ITEMS,
    ),
    Platform.WINDOWS: Remedy(
        (
            "Quit {tool}: right-click its icon beside the clock.",
            "Open Settings, Apps, Startup, and switch it off there.",
            NEEDED,
            CALLED,
        ),
        WINDOWS_APPS,
    ),
}
STOP_SHARING: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Open your desktop's settings and look for Remote Desktop (in GNOME under System).",
            "Switch it off.",
            NEEDED,
        )
    ),
    Platform.MACOS: Remedy(
        (
            "Open System Settings, then General, then Sharing.",
            "Switch off Screen Sharing and Remote Management.",
            NEEDED,
        ),
        MACOS_SHARING,
    ),
    Platform.WINDOWS: Remedy(
        (
            "Close {tool}.",
            "Open Settings, System, Remote Desktop, and switch it off.",
            NEEDED,
        ),
        WINDOWS_REMOTE,
    ),
}
READ_AGAIN: Mapping[Platform, Remedy] = {
    platform: Remedy(("Tell IT: the agent may not see which programs run on this laptop.",))
    for platform in Platform
}

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.RUNNING: ProblemText(
        "{tool} is running: with it somebody elsewhere can see and use this screen.",
        "{tool} is running and not allowed",
        QUIT,
    ),
    Problem.SHARED: ProblemText(
        "This screen is open to others over the network ({tool}).",
        "{tool} lets others in and is not allowed",
        STOP_SHARING,
    ),
    Problem.UNCLEAR: ProblemText(
        "It is not clear whether this screen is open to others over the network ({tool}).",
        "{tool} runs; whether it listens could not be read",
        STOP_SHARING,
    ),
    Problem.UNREADABLE: ProblemText(
        "Passmuster could not find out whether somebody elsewhere can use this screen. {reason}",
        "remote-access tools could not be read: {reason}",
        READ_AGAIN,
    ),
}
