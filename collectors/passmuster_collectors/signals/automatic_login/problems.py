"""The words for a laptop that asks nobody for a password."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.automatic_login.rule import Problem
from passmuster_collectors.signals.signal import ProblemText

MACOS_USERS = "x-apple.systempreferences:com.apple.Users-Groups-Settings.extension"
WINDOWS_SIGN_IN = "ms-settings:signinoptions"

SWITCH_OFF: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Open your desktop's settings, then Users (or Login Screen).",
            "Switch off automatic login.",
        )
    ),
    Platform.MACOS: Remedy(
        (
            "Open System Settings, then Users & Groups.",
            "Next to “Automatically log in as”, choose Off.",
        ),
        MACOS_USERS,
    ),
    Platform.WINDOWS: Remedy(
        (
            "Press Windows+R, type netplwiz and press Enter.",
            "Tick “Users must enter a user name and password to use this computer”.",
            "No such box? Ask IT to switch off automatic sign-in.",
        ),
        WINDOWS_SIGN_IN,
    ),
}
READ_AGAIN: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Restart the laptop and see whether it asks for your password.",
            "Tell IT what you saw: the agent could not read how this laptop starts.",
        )
    )
    for platform in Platform
}

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.DESKTOP: ProblemText(
        "This laptop opens your desktop without asking for your password when it starts.",
        "automatic login is on ({program})",
        SWITCH_OFF,
    ),
    Problem.CONSOLE: ProblemText(
        "This laptop opens a text console without asking for a password.",
        "a text console logs in by itself (agetty --autologin)",
        {
            Platform.LINUX: Remedy(
                (
                    "Ask IT to take the option --autologin out of the service getty@.",
                    "Restart the laptop.",
                )
            )
        },
    ),
    Problem.UNCLEAR: ProblemText(
        "It is not clear whether this laptop asks for your password when it starts.",
        "could not read whether {program} logs somebody in by itself",
        READ_AGAIN,
    ),
    Problem.UNREADABLE: ProblemText(
        "Passmuster could not find out whether this laptop asks for your password when it starts. "
        "{reason}",
        "automatic login could not be read: {reason}",
        READ_AGAIN,
    ),
}
