"""The daemon's ear for companions, on whatever system it runs."""

import sys
from typing import Any, Protocol

from passmuster_collectors.contract.verdict import Answer
from passmuster_collectors.host.base import COMPANION, SourceMissingError
from passmuster_collectors.host.events import Watch, Watches


class Ear(Watch, Protocol):
    """Hears companions, asks them, tells them what the server answered."""

    def testimony(self, uid: int, signal: str) -> Any:
        """Return what that user's companion says now of a signal. Raises `SourceError`."""

    def answered(self, answer: Answer) -> None:
        """Tell the people who are logged in what the server concludes."""


class NoCompanions(Watches):
    """A system that has no companions."""

    def testimony(self, uid: int, signal: str) -> Any:
        """Raise `SourceMissingError`."""
        raise SourceMissingError(COMPANION, f"none on this system ({uid}, {signal})")

    def answered(self, answer: Answer) -> None:
        """Tell nobody."""


def listen_to_companions() -> Ear:
    """Open the socket for companions; never fails, since all else works without them."""
    if sys.platform == "linux":
        from passmuster_agent.companion import (  # noqa: PLC0415 - Linux alone has it
            listener,
            packets,
        )

        return listener.Companions(packets.daemon_socket())
    return NoCompanions()
