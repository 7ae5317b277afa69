"""What is collected about how the laptop checks what it starts."""

from dataclasses import dataclass
from enum import StrEnum

from passmuster_collectors.contract.declaration import fact


class Firmware(StrEnum):
    """What starts the laptop."""

    UEFI = "uefi"
    APPLE = "apple"
    OTHER = "other"


class Mode(StrEnum):
    """Whether what is started has to be signed.

    `setup` is switched on but without keys, so nothing is checked. `bypassed` is checked by the
    firmware only as far as the boot loader shim, which was told to check nothing further. `reduced`
    are a Mac's middle settings: all of it is signed, but not all of it is the newest or Apple's.
    """

    ENFORCED = "enforced"
    REDUCED = "reduced"
    BYPASSED = "bypassed"
    SETUP = "setup"
    OFF = "off"
    UNKNOWN = "unknown"


class Lockdown(StrEnum):
    """What the running Linux kernel keeps even root from doing to it (kernel_lockdown(7))."""

    NONE = "none"
    INTEGRITY = "integrity"
    CONFIDENTIALITY = "confidentiality"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SecureBootFacts:
    """How this laptop was started."""

    firmware: Firmware = fact("Tells a laptop that could check what it starts from one that can't.")
    mode: Mode = fact("The answer itself: is a manipulated system stopped before it starts?")
    lockdown: Lockdown | None = fact(
        "Shows whether the running kernel keeps up what secure boot began. None where there is no "
        "such thing."
    )
