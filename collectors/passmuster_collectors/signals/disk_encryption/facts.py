"""What is collected about disk encryption."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text, fact


class Role(StrEnum):
    """What a volume is used for."""

    SYSTEM = "system"
    HOME = "home"
    DATA = "data"
    SWAP = "swap"


class State(StrEnum):
    """Whether what is written to the volume is unreadable without a secret."""

    ENCRYPTED = "encrypted"
    ENCRYPTING = "encrypting"
    DECRYPTING = "decrypting"
    SUSPENDED = "suspended"
    KEY_EXPOSED = "key_exposed"
    UNENCRYPTED = "unencrypted"
    UNKNOWN = "unknown"


class Method(StrEnum):
    """What encrypts the volume."""

    LUKS2 = "luks2"
    LUKS1 = "luks1"
    PLAIN = "plain"
    BITLOCKER = "bitlocker"
    FILEVAULT = "filevault"
    ZFS = "zfs"
    FSCRYPT = "fscrypt"
    HARDWARE = "hardware"
    OTHER = "other"
    NONE = "none"


@dataclass(frozen=True)
class Volume:
    """One place where data can come to rest."""

    mount: Annotated[str, Text(longest=256)] = fact(
        "Names the volume, so that the remedy can say which one to encrypt."
    )
    role: Role = fact("Tells system, home, data and swap apart: policy may ask for each.")
    state: State = fact("The answer itself: is this volume encrypted?")
    method: Method = fact("Shows what encrypts it, so that weak or unusual methods are seen.")


@dataclass(frozen=True)
class DiskEncryptionFacts:
    """Every volume that holds or can hold customers' data."""

    volumes: Annotated[tuple[Volume, ...], Items(most=64)] = fact(
        "A lost laptop gives away what lies on any volume that is not encrypted."
    )
