"""What is collected about what happens to a session left alone."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from passmuster_collectors.contract.declaration import Items, Unknown, fact


class Kind(StrEnum):
    """How a session that is left alone stops being usable."""

    LOCK = "lock"
    LOGOUT = "logout"
    SUSPEND_AND_LOCK = "suspend_and_lock"
    SESSION_STOP = "session_stop"
    SHELL_TIMEOUT = "shell_timeout"
    REMOTE_SESSION_LIMIT = "remote_session_limit"


class Coverage(StrEnum):
    """Which kind of session is covered."""

    GRAPHICAL = "graphical"
    TERMINAL = "terminal"
    REMOTE = "remote"


@dataclass(frozen=True)
class Mechanism:
    """One thing that ends or locks an unattended session."""

    kind: Kind = fact("Tells a lock from a log-out.")
    after_s: int | Unknown | None = fact(
        "The answer itself: seconds without input until it happens; null means never."
    )
    covers: Coverage = fact("A shell's time-out does nothing for a desktop, and the reverse.")
    enforced: bool | Unknown = fact("Tells a setting made by IT from one the worker can change.")


@dataclass(frozen=True)
class IdleLogoffFacts:
    """Every mechanism that covers a kind of session that someone has open now.

    A kind of session that is open and covered by nothing is told as a mechanism that never acts
    (`after_s` null), so that silence can't be taken for safety.
    """

    mechanisms: Annotated[tuple[Mechanism, ...], Items(most=64)] = fact(
        "A session left open overnight is an open door to customers' data."
    )
