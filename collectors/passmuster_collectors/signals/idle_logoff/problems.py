"""The words for every way in which a session stays open."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.idle_logoff.rule import Problem
from passmuster_collectors.signals.signal import ProblemText

MACOS_LOCK = "x-apple.systempreferences:com.apple.Lock-Screen-Settings.extension"
WINDOWS_LOCK = "ms-settings:lockscreen"

DESKTOP: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Open your desktop's settings and look for the screen lock.",
            "Let the screen lock by itself, after {limit} or less.",
        )
    ),
    Platform.MACOS: Remedy(
        (
            "Open System Settings, then Lock Screen.",
            "Let the display turn off after {limit} or less, and require the password immediately.",
        ),
        MACOS_LOCK,
    ),
    Platform.WINDOWS: Remedy(
        (
            "Open Settings, then Personalization, Lock screen, Screen saver.",
            "Choose a screen saver, {limit} or less, and tick “On resume, display log-on screen”.",
        ),
        WINDOWS_LOCK,
    ),
}

LOG_OUT: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Log out when you leave the laptop.",
            "Ask IT to let idle sessions end after {limit} or less.",
        )
    ),
    Platform.MACOS: Remedy(
        (
            "Open System Settings, then Privacy & Security, and press Advanced at the bottom.",
            "Switch on “Log out automatically after inactivity” and set it to {limit} or less.",
        ),
        "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension",
    ),
    Platform.WINDOWS: Remedy(
        (
            "Sign out when you leave the computer.",
            "Ask IT to let idle sessions end after {limit} or less: Windows has no setting for it.",
        )
    ),
}

CONSOLE: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Go to the text console and type: exit",
            "If you need it open, ask IT for a time-out of {limit} or less.",
        )
    )
    for platform in Platform
}

REMOTE: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "End the remote session to this computer.",
            "If it has to stay, ask IT for a time-out of {limit} or less.",
        )
    )
    for platform in Platform
}

READ_AGAIN: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Log out and in again.",
            "If this message stays, ask IT for help and name your desktop.",
        )
    )
    for platform in Platform
}

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.NEVER_GRAPHICAL: ProblemText(
        "Your session stays open for ever when you walk away.",
        "desktop session: nothing locks or ends it (policy allows {limit})",
        DESKTOP,
    ),
    Problem.TOO_LATE_GRAPHICAL: ProblemText(
        "Your session stays open for {found} when you walk away.",
        "desktop session: locked or ended after {found} (policy allows {limit})",
        DESKTOP,
    ),
    Problem.NEVER_TERMINAL: ProblemText(
        "A text console of this computer stays logged in for ever.",
        "text console: no time-out for the shell or the session (policy allows {limit})",
        CONSOLE,
    ),
    Problem.TOO_LATE_TERMINAL: ProblemText(
        "A text console of this computer stays logged in for {found}.",
        "text console: ended after {found} (policy allows {limit})",
        CONSOLE,
    ),
    Problem.NEVER_REMOTE: ProblemText(
        "Somebody is logged in to this computer from afar, with no time-out.",
        "remote session: no time-out for the shell or the session (policy allows {limit})",
        REMOTE,
    ),
    Problem.TOO_LATE_REMOTE: ProblemText(
        "Somebody is logged in to this computer from afar, with a time-out of {found}.",
        "remote session: ended after {found} (policy allows {limit})",
        REMOTE,
    ),
    Problem.NOT_ENDED_GRAPHICAL: ProblemText(
        "Your session does not end by itself within {limit} when you walk away. Your organisation "
        "asks for more than a lock.",
        "desktop session: nothing ends it within {limit}, and the policy takes no lock for an end",
        LOG_OUT,
    ),
    Problem.UNCLEAR: ProblemText(
        "Passmuster could not find out how long your session stays open when you walk away.",
        "{session} session: what locks or ends it is not known",
        READ_AGAIN,
    ),
    Problem.UNREADABLE: ProblemText(
        "Passmuster could not find out what happens when you walk away. {reason}",
        "What ends idle sessions could not be read completely. {reason}",
        READ_AGAIN,
    ),
}
