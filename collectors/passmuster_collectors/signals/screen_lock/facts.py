"""What is collected about the screen lock."""

from dataclasses import dataclass
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Text, Unknown, fact


@dataclass(frozen=True)
class LockSession:
    """One person's graphical session on this laptop."""

    desktop: Annotated[str, Text(longest=64)] = fact(
        "Each desktop keeps its lock settings elsewhere: the remedy must name the right one."
    )
    lock_after_s: int | Unknown | None = fact(
        "The answer itself: seconds without input until the screen asks for a password, on the "
        "worst power source and with any grace; null means never."
    )
    grace_s: int | Unknown | None = fact(
        "Seconds after the screen goes dark in which no password is asked for."
    )
    enforced: bool | Unknown = fact("Tells a setting made by IT from one the worker can change.")
    locked: bool | Unknown = fact("Shows whether the screen is locked at this moment.")
    inhibited: bool | Unknown = fact("Shows whether a program keeps the lock from starting.")


@dataclass(frozen=True)
class ScreenLockFacts:
    """Every person's graphical session, not only the one in front."""

    sessions: Annotated[tuple[LockSession, ...], Items(most=32)] = fact(
        "An unattended screen shows customers' data to whoever walks by."
    )
