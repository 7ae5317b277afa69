"""How the operating system says that something changed, so that nobody has to keep asking."""

import sys
from dataclasses import dataclass
from typing import Protocol

ROUTE = "route"
"""The trigger for links, addresses and routes."""


@dataclass(frozen=True)
class Events:
    """What happened since the last look.

    `triggers` are names that signals declare: a kernel subsystem (`usb`, `block`, `net`) or
    `ROUTE`. `lost` means that some of it was missed, so anything may have changed.
    """

    triggers: frozenset[str] = frozenset()
    lost: bool = False

    def __bool__(self) -> bool:
        return self.lost or bool(self.triggers)


class Watch(Protocol):
    """An open ear for events."""

    def descriptors(self) -> tuple[int, ...]:
        """Return the file descriptors that become readable when there are events."""

    def read(self) -> Events:
        """Return what has arrived, without waiting."""

    def delivers(self, trigger: str) -> bool:
        """Whether events of that name arrive at all; what does not has to be polled."""

    def close(self) -> None:
        """Stop listening."""


class NoWatch:
    """A system that says nothing: all is polled."""

    def descriptors(self) -> tuple[int, ...]:
        """Return none."""
        return ()

    def read(self) -> Events:
        """Return none."""
        return Events()

    def delivers(self, trigger: str) -> bool:  # noqa: ARG002 - the answer is the same for all
        """Return False: nothing arrives."""
        return False

    def close(self) -> None:
        """Do nothing."""


def this_watch() -> Watch:
    """Open what this system has; never fails, since polling always works."""
    if sys.platform == "linux":
        from passmuster_collectors.host.linux_events import (  # noqa: PLC0415 - Linux alone has it
            NetlinkWatch,
        )

        return NetlinkWatch()
    return NoWatch()
