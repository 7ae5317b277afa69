"""How daemon and companion reach each other, whatever carries their messages.

Each system has its own way: packets on Linux, a stream on macOS, a named pipe on Windows. On all of
them a whole message arrives or none, no call waits, and the kernel tells who is at the other end.
"""

import selectors
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol


class ChannelClosedError(Exception):
    """The other end has gone, or does not take what it is sent."""


class TooLongError(Exception):
    """The other end sent more than a message may have."""


class Channel(Protocol):
    """One end of a connection between a daemon and a companion."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there is something to receive."""

    def send(self, data: bytes) -> None:
        """Send one message. Raises `ChannelClosedError`, also where the other end reads nothing."""

    def receive(self) -> bytes | None:
        """Return the next message, None if there is none yet.

        Raises `ChannelClosedError` at the end and `TooLongError` for more than `MAX_BYTES`.
        """

    def close(self) -> None:
        """Close it."""


@dataclass(frozen=True)
class Caller:
    """Whose companion it is, by the kernel's word.

    `person` is the number that testimonies are asked for by: the user's on Linux and macOS, the
    session's on Windows. `is_logged_in` tells whether somebody of that number is, `is_own` whether
    it is whom the daemon itself runs as, `in_session` whether it is known to run in a session of a
    person's, which may be told things before a reader asks it, `is_root` whether it is root's or
    Windows' own: session 0 of Windows alone says nothing, all kinds of services run there.
    """

    person: int
    is_logged_in: bool
    is_own: bool
    in_session: bool = False
    is_root: bool = False


class Door(Protocol):
    """Where a daemon hears companions that come."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when one stands at the door."""

    def accept(self) -> tuple[Channel, Caller] | None:
        """Let the next one in; None where nobody is there any more."""

    def close(self) -> None:
        """Listen no more."""


Connect = Callable[[], Channel]
"""Reaches a daemon. Raises `OSError` where none listens."""


def readable(descriptors: Iterable[int], within_s: float) -> set[int]:
    """Return those that are readable; waits for the first of them, `within_s` at the most."""
    with selectors.DefaultSelector() as waiting:
        for each in descriptors:
            waiting.register(each, selectors.EVENT_READ)
        return {key.fd for key, _ in waiting.select(max(0.0, within_s))}


def received(channel: Channel, within_s: float) -> bytes | None:
    """Return the next message, None where none came within that time.

    Raises what `Channel.receive` does.
    """
    deadline = time.monotonic() + within_s
    while (data := channel.receive()) is None:
        left = deadline - time.monotonic()
        if left <= 0 or not readable([channel.fileno()], left):
            return None
    return data
