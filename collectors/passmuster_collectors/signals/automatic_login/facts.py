"""What is collected about sessions that open without a password."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Unknown, fact


class LoginProgram(StrEnum):
    """What opens sessions when the laptop starts."""

    GDM = "gdm"
    SDDM = "sddm"
    PLASMA_LOGIN = "plasma_login"
    LIGHTDM = "lightdm"
    LXDM = "lxdm"
    GREETD = "greetd"
    TEXT_CONSOLE = "text_console"
    MACOS = "macos"
    WINDOWS = "windows"
    OTHER = "other"


@dataclass(frozen=True)
class Login:
    """One program that opens sessions. Whose session it opens is never told."""

    program: LoginProgram = fact("Tells which setting has to be changed.")
    automatic: bool | Unknown = fact("The answer itself: does it open one without a password?")


@dataclass(frozen=True)
class AutomaticLoginFacts:
    """Every program that opens sessions when this laptop starts."""

    logins: Annotated[tuple[Login, ...], Items(most=16)] = fact(
        "A laptop that starts into somebody's desktop belongs to whoever switches it on."
    )
