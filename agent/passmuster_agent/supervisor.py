"""What systemd hears of the agent: that it is ready, that it still works, that it ends.

The protocol is sd_notify(3): datagrams of `NAME=value` to the socket that `NOTIFY_SOCKET` names.
Where nobody listens nothing is said.
"""

import contextlib
import os
import socket
import sys

LONGEST_MICROSECONDS = 15


class Supervisor:
    """Tells systemd, where it started this process and asked to be told.

    The daemon calls `alive` from its own loop, so that one that hangs falls silent and is started
    again (`WatchdogSec=`, systemd.service(5)).
    """

    def __init__(self) -> None:
        # Taken out, so that no child speaks for this process.
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        self._every_s = _watchdog_s() / 2
        self._said = float("-inf")

    def ready(self) -> None:
        """Say that the agent works now."""
        self._say("READY=1")

    def alive(self, at: float) -> None:
        """Say that the loop goes round, if it is time to; `at` is in seconds since boot."""
        if self._every_s and not self._said <= at < self._said + self._every_s:
            self._said = at
            self._say("WATCHDOG=1")

    def next_at(self) -> float:
        """Return when the watchdog has to hear something at the latest."""
        return self._said + self._every_s if self._every_s else float("inf")

    def stopping(self) -> None:
        """Say that the agent ends of its own accord."""
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if sys.platform == "win32" or not self._address.startswith(("/", "@")):
            return
        # `@` stands for the first byte, 0, of an abstract address (unix(7)).
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.settimeout(1.0)
            out.sendto(words.encode("ascii"), address)


def _watchdog_s() -> float:
    """Return how long the agent may be silent, 0 where nobody minds (sd_watchdog_enabled(3))."""
    span, meant = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
    if meant not in ("", str(os.getpid())) or not (span.isascii() and span.isdigit()):
        return 0.0
    return int(span[:LONGEST_MICROSECONDS]) / 1_000_000
