"""The operating systems that Passmuster reads."""

from enum import StrEnum


class Platform(StrEnum):
    """An operating system, as every message spells it."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"
