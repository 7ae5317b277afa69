"""The words for a system that is not current."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.signal import ProblemText
from passmuster_collectors.signals.system_updates.rule import Problem

MACOS_UPDATE = "x-apple.systempreferences:com.apple.Software-Update-Settings.extension"
WINDOWS_UPDATE = "ms-settings:windowsupdate"

INSTALL: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Open your desktop's software program and look for Updates.",
            "Install all of them, and restart if you are asked to.",
        )
    ),
    Platform.MACOS: Remedy(
        ("Open System Settings, General, Software Update.", "Choose Update Now."),
        MACOS_UPDATE,
    ),
    Platform.WINDOWS: Remedy(
        ("Open Settings, then Windows Update.", "Check for updates and install all of them."),
        WINDOWS_UPDATE,
    ),
}
NEW_VERSION: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        ("Ask IT for a newer version of the system: an upgrade of this size is theirs to plan.",)
    ),
    Platform.MACOS: Remedy(
        (
            "Ask IT whether you may upgrade yourself.",
            "Open System Settings, General, Software Update, and choose Upgrade Now.",
        ),
        MACOS_UPDATE,
    ),
    Platform.WINDOWS: Remedy(
        (
            "Ask IT whether you may upgrade yourself.",
            "Open Settings, then Windows Update, and install the newer version that is offered.",
        ),
        WINDOWS_UPDATE,
    ),
}
RESTART: Mapping[Platform, Remedy] = {
    platform: Remedy(("Save your work.", "Restart the laptop.")) for platform in Platform
}
ASK_IT: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Install all updates that your system offers, and restart.",
            "If this message stays, tell IT: the agent could not read it on this laptop.",
        ),
        link,
    )
    for platform, link in (
        (Platform.LINUX, None),
        (Platform.MACOS, MACOS_UPDATE),
        (Platform.WINDOWS, WINDOWS_UPDATE),
    )
}

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.PENDING: ProblemText(
        "Security updates are waiting to be installed ({count}).",
        "{count} security updates are not installed",
        INSTALL,
    ),
    Problem.NOT_SUPPORTED: ProblemText(
        "This laptop's system is too old to get security updates.",
        "{system} gets no security updates since {end}",
        NEW_VERSION,
    ),
    Problem.NOT_CHECKED: ProblemText(
        "This laptop has not looked for updates for {weeks} weeks.",
        "the list of updates is {weeks} weeks old",
        INSTALL,
    ),
    Problem.RESTART: ProblemText(
        "A restart is due: updates are installed and not in use yet.",
        "a restart is needed before installed updates are in use",
        RESTART,
    ),
    Problem.UNCOUNTED: ProblemText(
        "This laptop's system does not tell whether security updates are waiting.",
        "{system} keeps no count of security updates that can be read",
        ASK_IT,
    ),
    Problem.SUPPORT_UNKNOWN: ProblemText(
        "It is not known whether this laptop's system still gets security updates.",
        "no end of support is known for {system}; policy can name it in `supported`",
        ASK_IT,
    ),
    Problem.UNCLEAR: ProblemText(
        "It is not clear whether this laptop is up to date.",
        "could not read {what}",
        ASK_IT,
    ),
    Problem.UNREADABLE: ProblemText(
        "Passmuster could not find out whether this laptop is up to date. {reason}",
        "system and updates could not be read: {reason}",
        ASK_IT,
    ),
}
