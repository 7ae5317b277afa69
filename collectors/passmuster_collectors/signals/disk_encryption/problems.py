"""The words for every problem with disk encryption."""

from collections.abc import Mapping

from passmuster_collectors.contract.platform import Platform
from passmuster_collectors.contract.verdict import Remedy
from passmuster_collectors.signals.disk_encryption.rule import Problem
from passmuster_collectors.signals.signal import ProblemText

FILEVAULT = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?FileVault"
DEVICE_ENCRYPTION = "ms-settings:deviceencryption"

TURN_ON_FILEVAULT = Remedy(
    (
        "Open System Settings, Privacy & Security, FileVault.",
        "Select Turn On and follow the steps. You can go on working meanwhile.",
    ),
    FILEVAULT,
)
TURN_ON_BITLOCKER = Remedy(
    (
        "Open Settings, Privacy & security, Device encryption.",
        "Turn it on. Is it not there? Search for “Manage BitLocker” and turn it on for {mount}.",
    ),
    DEVICE_ENCRYPTION,
)
ENCRYPT_VOLUME_ON_WINDOWS = Remedy(
    (
        "Search for “Manage BitLocker” and open it.",
        "Select “Turn on BitLocker” for {mount}, and let it be unlocked automatically.",
    )
)
FINISH_BITLOCKER = Remedy(
    (
        "Open Settings, Privacy & security, Device encryption, and finish what it asks for.",
        "Is it not there? Search for “Manage BitLocker” and turn it on or resume it for {mount}.",
    ),
    DEVICE_ENCRYPTION,
)
KEEP_IT_ON = "Keep the computer on and connected to power until it is done."
REINSTALL = Remedy(
    (
        "Ask IT for an appointment: Linux encrypts the whole disk only while it is installed.",
        "Until then, keep no customers' data on this computer.",
    )
)
ENCRYPT_VOLUME_ON_MAC = Remedy(
    (
        "In the Finder, press Control and click the volume “{mount}”.",
        "Select Encrypt, choose a password and give it to IT.",
    )
)
ENCRYPT_VOLUME_ON_LINUX = Remedy(
    (
        "Copy what you need from “{mount}” to an encrypted place.",
        "Open Disks, select the volume and format it with “Password protect volume (LUKS)”.",
        "Is it not yours to format? Ask IT.",
    )
)

PROBLEMS: Mapping[str, ProblemText] = {
    Problem.SYSTEM_UNENCRYPTED: ProblemText(
        worker="The disk of this computer is not encrypted. Whoever finds it can read everything.",
        admin="The system volume {mount} is not encrypted.",
        remedy={
            Platform.LINUX: REINSTALL,
            Platform.MACOS: TURN_ON_FILEVAULT,
            Platform.WINDOWS: TURN_ON_BITLOCKER,
        },
    ),
    Problem.ONLY_HOME_ENCRYPTED: ProblemText(
        worker="Only your home folder is encrypted. Programs keep copies of what you work on "
        "elsewhere, and {mount} is not encrypted.",
        admin="A home is encrypted, the system volume {mount} is not: temporary files, logs and "
        "caches lie open.",
        remedy={Platform.LINUX: REINSTALL},
    ),
    Problem.VOLUME_UNENCRYPTED: ProblemText(
        worker="“{mount}” is not encrypted. Whoever finds this computer can read what is on it.",
        admin="The volume {mount} is not encrypted.",
        remedy={
            Platform.LINUX: ENCRYPT_VOLUME_ON_LINUX,
            Platform.MACOS: ENCRYPT_VOLUME_ON_MAC,
            Platform.WINDOWS: ENCRYPT_VOLUME_ON_WINDOWS,
        },
    ),
    Problem.SWAP_UNENCRYPTED: ProblemText(
        worker="This computer writes parts of its memory to “{mount}”, which is not encrypted.",
        admin="The swap area {mount} is not encrypted: memory, passwords and keys included, "
        "comes to rest there.",
        remedy={
            Platform.LINUX: Remedy(
                (
                    "Ask IT to encrypt the swap area or to turn it off.",
                    "You administer it yourself? Remove its line from /etc/fstab and use zram.",
                )
            ),
        },
    ),
    Problem.KEY_EXPOSED: ProblemText(
        worker="“{mount}” is encrypted, but its key lies beside it for everyone to take.",
        admin="The key of {mount} ({method}) is kept on a volume that is not encrypted, so that "
        "the encryption protects nothing.",
        remedy={
            Platform.LINUX: Remedy(
                (
                    "Ask IT to move the key file to an encrypted volume, and to replace the key.",
                    "Look in /etc/crypttab and /etc/cryptsetup-keys.d if you do it yourself.",
                )
            ),
            Platform.WINDOWS: FINISH_BITLOCKER,
        },
    ),
    Problem.SUSPENDED: ProblemText(
        worker="Encryption of “{mount}” is suspended: its key lies open on the disk.",
        admin="BitLocker protection of {mount} is suspended.",
        remedy={
            Platform.WINDOWS: Remedy(
                (
                    "Search for “Manage BitLocker” and open it.",
                    "Select “Resume protection” for {mount}.",
                )
            ),
        },
    ),
    Problem.DECRYPTING: ProblemText(
        worker="Encryption of “{mount}” is being taken away.",
        admin="{mount} ({method}) is being decrypted.",
        remedy={
            Platform.LINUX: Remedy(
                (
                    "Ask IT why “{mount}” is being decrypted.",
                    "Keep no customers' data on this computer meanwhile.",
                )
            ),
            Platform.MACOS: TURN_ON_FILEVAULT,
            Platform.WINDOWS: TURN_ON_BITLOCKER,
        },
    ),
    Problem.ENCRYPTING: ProblemText(
        worker="“{mount}” is being encrypted. You need to do nothing but let it finish.",
        admin="{mount} ({method}) is being encrypted.",
        remedy={
            Platform.LINUX: Remedy((KEEP_IT_ON,)),
            Platform.MACOS: Remedy((KEEP_IT_ON,), FILEVAULT),
            Platform.WINDOWS: Remedy(
                (
                    KEEP_IT_ON,
                    "Does it not go on? Search for “Manage BitLocker” and resume it for {mount}.",
                )
            ),
        },
    ),
    Problem.METHOD_FORBIDDEN: ProblemText(
        worker="“{mount}” is encrypted in a way that your organisation does not accept ({method}).",
        admin="{mount} is encrypted with {method}, which the policy forbids.",
        remedy=dict.fromkeys(
            Platform, Remedy(("Ask IT to encrypt “{mount}” in an accepted way.",))
        ),
    ),
    Problem.VOLUME_UNCLEAR: ProblemText(
        worker="Passmuster could not find out whether “{mount}” is encrypted.",
        admin="Whether {mount} is encrypted could not be read; the sources of the reading say why.",
        remedy={
            **dict.fromkeys(
                (Platform.LINUX, Platform.MACOS),
                Remedy(
                    (
                        "Restart the computer.",
                        "If this message stays, ask IT to look at “{mount}”.",
                    )
                ),
            ),
            Platform.WINDOWS: Remedy(
                (
                    "Is {mount} locked? Open the Explorer, select it and unlock it.",
                    "Else restart the computer. If this message stays, ask IT to look at it.",
                )
            ),
        },
    ),
    Problem.SYSTEM_MISSING: ProblemText(
        worker="Passmuster could not find the disk that this computer runs from.",
        admin="The reading names no system volume, as on a system that runs from memory.",
        remedy=dict.fromkeys(
            Platform,
            Remedy(
                (
                    "Start the computer from its own disk, not from a stick or the network.",
                    "If this message stays, ask IT for help.",
                )
            ),
        ),
    ),
    Problem.UNREADABLE: ProblemText(
        worker="Passmuster could not see whether this computer is encrypted. {reason}",
        admin="Disk encryption could not be read completely. {reason}",
        remedy=dict.fromkeys(
            Platform,
            Remedy(("Restart the computer.", "If this message stays, ask IT for help.")),
        ),
    ),
}
