"""The words for every problem with a screen lock."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.screen_lock.rule import Problem
from passmuster_collectors.signals.signal import ProblemText

LINUX: Mapping[str, Remedy] = {
    "gnome": Remedy(
        (
            "Open Settings and choose Privacy & Security, then Screen Lock.",
            "Switch on “Automatic Screen Lock” and set its delay to “Screen Turns Off”.",
            "Set “Blank Screen Delay” to {minutes} minutes or less.",
        )
    ),
    "kde": Remedy(
        (
            "Open System Settings and search for “Screen Locking”.",
            "Switch on locking automatically, after {minutes} minutes or less.",
            "Let it require a password, 5 seconds after locking or sooner.",
        )
    ),
    "xfce": Remedy(
        (
            "Open Settings, then Screensaver (Xfce Screensaver).",
            "Under “Screensaver”, switch it on and let it start after {minutes} minutes or less.",
            "Under “Lock Screen”, switch on locking with the screensaver, after 0 minutes.",
            "Log out and in again if Xfce Screensaver was not installed or not running before.",
        )
    ),
    "cinnamon": Remedy(
        (
            "Open System Settings, then Screensaver.",
            "Switch on locking the computer when it is inactive.",
            "Let the screensaver start after {minutes} minutes or less and lock immediately.",
        )
    ),
    "mate": Remedy(
        (
            "Open Control Center, then Screensaver.",
            "Tick that the screensaver starts when idle and that it locks the screen.",
            "Regard the computer as idle after {minutes} minutes or less.",
        )
    ),
    "wayland": Remedy(
        (
            "Install an idle daemon and a locker, such as swayidle and swaylock.",
            "Let your session start it with a lock after {minutes} minutes or less, such as:",
            "swayidle -w timeout 300 'swaylock -f' before-sleep 'swaylock -f'",
            "Log out and in again.",
        )
    ),
    "x11": Remedy(
        (
            "Install a locker, for example xscreensaver, or xss-lock and i3lock.",
            "Let your session start it with a lock after {minutes} minutes or less, such as:",
            "xset s 300 && xss-lock -- i3lock",
            "Log out and in again.",
        )
    ),
}
ANY_LINUX = Remedy(
    (
        "Open your desktop's settings and look for the screen lock.",
        "Let the screen lock with a password after {minutes} minutes or less.",
    )
)
MACOS = Remedy(
    (
        "Open System Settings, then Lock Screen.",
        "Set the screen saver and “Turn display off” to {minutes} minutes or less.",
        "Set “Require password after screen saver begins or display is turned off” to Immediately.",
    ),
    link="x-apple.systempreferences:com.apple.Lock-Screen-Settings.extension",
)
WINDOWS = Remedy(
    (
        "Open Settings, choose Personalization, Lock screen, then Screen saver.",
        "Set “Wait” to {minutes} minutes or less and tick “On resume, display logon screen”.",
        "Choose any screen saver but “(None)”.",
    ),
    link="ms-settings:lockscreen",
)

NEVER_WORKER = (
    "Your screen never locks by itself ({desktop}): whoever walks by can read and use what is open."
)
NEVER_ADMIN = "{desktop}: the screen never locks after a time without input; {limit} is the limit."
LATE_WORKER = "Your screen locks only after {found} ({desktop}). It has to lock within {limit}."
LATE_ADMIN = "{desktop}: the screen locks after {found} without input; {limit} is the limit."


def _everywhere(linux: Remedy) -> Mapping[Platform, Remedy]:
    return {Platform.LINUX: linux, Platform.MACOS: MACOS, Platform.WINDOWS: WINDOWS}


def _for_families(problem: Problem, worker: str, admin: str) -> Mapping[str, ProblemText]:
    found = {problem.value: ProblemText(worker, admin, _everywhere(ANY_LINUX))}
    for family, remedy in LINUX.items():
        key = Problem(f"{problem.value}_{family}").value
        found[key] = ProblemText(worker, admin, {Platform.LINUX: remedy})
    return found


ASK_IT = "If this message stays, ask IT for help and name your desktop."

PROBLEMS: Mapping[str, ProblemText] = {
    **_for_families(Problem.NEVER_LOCKS, NEVER_WORKER, NEVER_ADMIN),
    **_for_families(Problem.LOCKS_TOO_LATE, LATE_WORKER, LATE_ADMIN),
    Problem.INHIBITED: ProblemText(
        worker="A program keeps your screen from locking ({desktop}).",
        admin="{desktop}: a program holds the idle lock off.",
        remedy=dict.fromkeys(
            Platform,
            Remedy(
                (
                    "Close videos and presentations that are open.",
                    "Switch off tools that keep the screen awake, such as Caffeine.",
                )
            ),
        ),
    ),
    Problem.UNCLEAR: ProblemText(
        worker="Passmuster could not find out when your screen locks ({desktop}).",
        admin="{desktop}: when the screen locks could not be read, so it may never lock.",
        remedy={
            Platform.LINUX: Remedy(
                ("Log out and in again.", "Restart the computer once.", ASK_IT),
            ),
            Platform.MACOS: Remedy(("Restart the Mac.", ASK_IT)),
            Platform.WINDOWS: Remedy(("Restart the computer.", ASK_IT)),
        },
    ),
    Problem.UNREADABLE: ProblemText(
        worker="Passmuster could not find out whether your screen locks. {reason}",
        admin="The screen lock could not be read completely. {reason}",
        remedy={
            Platform.LINUX: Remedy(
                ("Log out and in again.", "Restart the computer once.", ASK_IT),
            ),
            Platform.MACOS: Remedy(("Restart the Mac.", ASK_IT)),
            Platform.WINDOWS: Remedy(("Restart the computer.", ASK_IT)),
        },
    ),
}
