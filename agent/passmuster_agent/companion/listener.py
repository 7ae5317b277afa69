"""The daemon's socket for companions: who may say what, and for whom it counts.

The kernel tells whose process it is. A companion speaks for its own user alone, one companion for a
user at a time; what it says is asked for when it is needed and kept no longer than that.
"""

import logging
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from passmuster_agent.companion import links, packets
from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.messages import VERSION, Goodbye, Notice, Welcome, to_bytes
from passmuster_agent.companion.notices import notice_of
from passmuster_collectors.contract.verdict import Answer
from passmuster_collectors.host.base import COMPANION, SourceMissingError
from passmuster_collectors.host.events import COMPANION_SPOKE, NEVER, Events

assert sys.platform == "linux"  # noqa: S101 - the type checker reads it too

log = logging.getLogger(__name__)

LOGGED_IN = Path("/run/systemd/users")
MOST_LINKS = 32
MOST_ACCEPTED_A_LOOK = 16
MOST_COMINGS = 6
"""How often a user's companion may come in a minute: each time everything is read anew."""

PER_S = 60.0
SHUT_OUT_S = 60.0


class Companions:
    """Every companion that is connected. A `Watch` for the daemon, `Testimonies` for the host.

    It listens at `path`. `logged_in` is the folder of logind's state files, one for each user.
    """

    def __init__(self, path: Path | None, logged_in: Path | None = None) -> None:
        self._path = path
        self._logged_in = logged_in or LOGGED_IN
        self._listening = _listen(path)
        self._links: dict[int, links.Link] = {}
        self._comings: dict[int, Allowance] = {}
        self._shut_out: dict[int, float] = {}
        self._notice: Notice | None = None

    def testimony(self, uid: int, signal: str) -> Any:
        """Return what that user's companion says now of a signal. Raises `SourceError`."""
        link = self._links.get(uid)
        if link is None or link.closed:
            raise SourceMissingError(COMPANION, "none runs for this user")
        return link.ask(signal)

    def answered(self, answer: Answer) -> None:
        """Tell every companion in a person's session, those that come later as well."""
        self._notice = notice_of(answer)
        self._tell()

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when a companion comes, speaks or leaves."""
        found = tuple(each.fileno() for each in self._links.values() if not each.closed)
        return found if self._listening is None else (self._listening.fileno(), *found)

    def read(self) -> Events:
        """Let new companions in and hear the others; return whether there is reason to ask."""
        spoke = self._accept()
        for uid, link in list(self._links.items()):
            spoke |= link.hear()
            if link.closed:
                del self._links[uid]
                spoke = True
                self._judge(uid, link)
        self._tell()
        return Events(frozenset({COMPANION_SPOKE}) if spoke else frozenset())

    def delivers(self, trigger: str) -> bool:
        """Whether companions can be heard at all."""
        return trigger == COMPANION_SPOKE and self._listening is not None

    def next_at(self) -> float:
        """Return that nothing is due without an event."""
        return NEVER

    def close(self) -> None:
        """Let all go and stop listening."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            assert self._path is not None  # noqa: S101 - it was listened at
            self._path.unlink(missing_ok=True)

    def _tell(self) -> None:
        for uid, link in self._links.items():
            # Whoever else connects has no session, and it is none of their business.
            if self._notice is not None and (link.asked or uid == os.geteuid()):
                link.tell(self._notice)

    def _accept(self) -> bool:
        """Let in who waits at the door; return whether there is somebody new to ask."""
        someone = False
        for _ in range(MOST_ACCEPTED_A_LOOK):
            try:
                if self._listening is None:
                    break
                connected, _ = self._listening.accept()
            except OSError:
                break
            channel = packets.Channel(connected)
            uid = channel.peer()
            refusal = self._refusal(uid)
            try:
                channel.send(to_bytes(refusal or Welcome(VERSION)))
            except packets.ChannelClosedError:
                channel.close()
                continue
            if refusal is not None:
                channel.close()
                continue
            self._links[uid] = links.Link(channel)
            log.debug("A companion of user %d is here.", uid)
            someone = True
        return someone

    def _refusal(self, uid: int) -> Goodbye | None:
        now = time.monotonic()
        if uid != os.geteuid() and not (self._logged_in / str(uid)).exists():
            return Goodbye("nobody of that number is logged in", for_good=False)
        if uid in self._links and not self._links[uid].closed:
            return Goodbye("another companion of this user is connected", for_good=True)
        if self._shut_out.get(uid, 0.0) > now:
            return Goodbye("come back in a minute", for_good=False)
        if not self._comings.setdefault(uid, Allowance(MOST_COMINGS, PER_S)).spend(now):
            return Goodbye("you came too often", for_good=False)
        if len(self._links) >= MOST_LINKS:
            return Goodbye("too many companions", for_good=False)
        return None

    def _judge(self, uid: int, link: links.Link) -> None:
        if link.misbehaved:
            self._shut_out[uid] = time.monotonic() + SHUT_OUT_S
            log.warning("A companion of user %d was let go: %s.", uid, link.misbehaved)


def _listen(path: Path | None) -> socket.socket | None:
    if path is None:
        return None
    try:
        return packets.listen(path)
    except OSError as error:
        log.warning("No companion can be heard at %s: %s.", path, error.strerror or error)
        return None
