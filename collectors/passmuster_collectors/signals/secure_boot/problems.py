"""The words for every way in which a laptop starts without a check."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.secure_boot.rule import Problem
from passmuster_collectors.signals.signal import ProblemText

WINDOWS_RECOVERY = "ms-settings:recovery"

MACOS = Remedy(
    (
        "Ask IT before you begin: it takes a restart and an administrator's password.",
        "Shut down. Hold the power button until “Options” appears, and open it.",
        "In the menu Utilities, open Startup Security Utility and choose Full Security.",
    )
)
SWITCH_ON: Mapping[Platform, Remedy] = {
    Platform.LINUX: Remedy(
        (
            "Ask IT before you begin, and have the key of your disk's encryption at hand.",
            "Restart and open the laptop's own settings (often F2, F10 or Del at the start).",
            "Look for Secure Boot, switch it on, save and restart.",
        )
    ),
    Platform.MACOS: MACOS,
    Platform.WINDOWS: Remedy(
        (
            "Ask IT before you begin, and have your BitLocker recovery key at hand.",
            "Open Settings, then System, Recovery, Advanced startup: Restart now.",
            "Choose Troubleshoot, Advanced options, UEFI Firmware Settings.",
            "Look for Secure Boot, switch it on, save and restart.",
        ),
        WINDOWS_RECOVERY,
    ),
}
ASK_IT: Mapping[Platform, Remedy] = {
    platform: Remedy(("Ask IT: this is set when a laptop is installed.",)) for platform in Platform
}
READ_AGAIN: Mapping[Platform, Remedy] = {
    platform: Remedy(
        (
            "Restart the laptop.",
            "If this message stays, tell IT: the agent could not read how this laptop starts.",
        )
    )
    for platform in Platform
}

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.OFF: ProblemText(
        "This laptop starts any system, also one that somebody has tampered with.",
        "Secure Boot is off",
        SWITCH_ON,
    ),
    Problem.SETUP: ProblemText(
        "This laptop's protection against a tampered system was never set up.",
        "Secure Boot is in setup mode: no platform key is enrolled, so nothing is checked",
        {Platform.LINUX: SWITCH_ON[Platform.LINUX], Platform.WINDOWS: SWITCH_ON[Platform.WINDOWS]},
    ),
    Problem.BYPASSED: ProblemText(
        "This laptop's protection against a tampered system was switched off half-way.",
        "Secure Boot is on, but shim was told not to check what it starts (MokSBState)",
        {
            Platform.LINUX: Remedy(
                (
                    "Ask IT to switch the check on again: mokutil --enable-validation",
                    "Restart, and confirm it on the blue screen that appears.",
                )
            )
        },
    ),
    Problem.REDUCED: ProblemText(
        "This Mac may start systems that are older or not Apple's own.",
        "startup security is reduced or medium; policy asks for full",
        {Platform.MACOS: MACOS},
    ),
    Problem.NOT_UEFI: ProblemText(
        "This laptop starts in a way that can't tell a tampered system from a good one.",
        "not started by UEFI: there is no Secure Boot in this mode",
        ASK_IT,
    ),
    Problem.NO_LOCKDOWN: ProblemText(
        "The system of this laptop may be changed while it runs, past its own protection.",
        "the kernel is not locked down, or does not tell",
        {Platform.LINUX: ASK_IT[Platform.LINUX]},
    ),
    Problem.UNCLEAR: ProblemText(
        "It is not clear whether this laptop would stop a tampered system from starting.",
        "the state of Secure Boot could not be read",
        READ_AGAIN,
    ),
    Problem.UNREADABLE: ProblemText(
        "Passmuster could not find out how this laptop starts. {reason}",
        "secure boot could not be read: {reason}",
        READ_AGAIN,
    ),
}
