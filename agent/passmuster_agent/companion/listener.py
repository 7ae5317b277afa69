"""The daemon's ear for companions: who may say what, and for whom it counts.

The kernel tells whose process it is. A companion speaks for its own user alone, one companion for a
user at a time; what it says is asked for when it is needed and kept no longer than that.
"""

import logging
import time
from typing import Any

from passmuster_agent.companion import links
from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.channel import Caller, ChannelClosedError, Door
from passmuster_agent.companion.meeting import open_door
from passmuster_agent.companion.messages import (
    VERSION,
    Attest,
    Attested,
    Goodbye,
    Notice,
    Silenced,
    Welcome,
    to_bytes,
)
from passmuster_agent.companion.notices import notice_of
from passmuster_agent.errors import because
from passmuster_collectors.contract.verdict import Answer
from passmuster_collectors.host.base import COMPANION, SourceMissingError
from passmuster_collectors.host.events import COMPANION_SPOKE, NEVER, Events

log = logging.getLogger(__name__)

MOST_LINKS = 32
MOST_ACCEPTED_A_LOOK = 16
MOST_COMINGS = 6
"""How often a user's companion may come in a minute: each time everything is read anew."""

PER_S = 60.0
SHUT_OUT_S = 60.0


class Companions:
    """Every companion that is connected. A `Watch` for the daemon, `Testimonies` for the host.

    They come by `door`; None is a laptop where none can be heard.
    """

    def __init__(self, door: Door | None) -> None:
        self._door = door
        self._links: dict[int, links.Link] = {}
        self._comings: dict[int, Allowance] = {}
        self._shut_out: dict[int, float] = {}
        self._notice: Notice | Silenced | None = None

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

    def silenced(self, problem: str, remedy: str) -> None:
        """Tell them, in the same way, that this laptop can't report any more."""
        self._notice = Silenced(problem, remedy)
        self._tell()

    def has_asked(self) -> bool:
        """Whether a browser waits whose question was not taken yet."""
        return any(link.has_asked() for link in self._links.values())

    def asked(self) -> tuple[tuple[int, Attest], ...]:
        """Return what browsers of people on this laptop asked since the last call."""
        return tuple(
            (person, each) for person, link in self._links.items() for each in link.asked()
        )

    def attested(self, person: int, number: int, url: str | None) -> None:
        """Tell that person's companion where its browser goes now; None refuses it."""
        link = self._links.get(person)
        if link is not None and not link.closed:
            link.attested(Attested(number, url))

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when a companion comes, speaks or leaves."""
        found = tuple(each.fileno() for each in self._links.values() if not each.closed)
        return found if self._door is None else (self._door.fileno(), *found)

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
        return trigger == COMPANION_SPOKE and self._door is not None

    def next_at(self) -> float:
        """Return that nothing is due without an event."""
        return NEVER

    def close(self) -> None:
        """Let all go and stop listening."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        if self._door is not None:
            self._door.close()
            self._door = None

    def _tell(self) -> None:
        for link in self._links.values():
            # Whoever else connects has no session, and it is none of their business.
            if self._notice is not None and link.may_be_told:
                link.tell(self._notice)

    def _accept(self) -> bool:
        """Let in who waits at the door; return whether there is somebody new to ask."""
        someone = False
        for _ in range(MOST_ACCEPTED_A_LOOK):
            come = None if self._door is None else self._door.accept()
            if come is None:
                break
            channel, caller = come
            refusal = self._refusal(caller)
            try:
                channel.send(to_bytes(refusal or Welcome(VERSION)))
            except ChannelClosedError:
                channel.close()
                continue
            if refusal is not None:
                channel.close()
                continue
            may_be_told = caller.is_own or caller.in_session
            self._links[caller.person] = links.Link(channel, may_be_told=may_be_told)
            log.debug("A companion of user %d is here.", caller.person)
            someone = True
        return someone

    def _refusal(self, caller: Caller) -> Goodbye | None:
        now, uid = time.monotonic(), caller.person
        if not (caller.is_own or caller.is_logged_in):
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


def listen_to_companions() -> Companions:
    """Open the door for companions; never fails, since all else works without them."""
    try:
        return Companions(open_door())
    except OSError as error:
        log.warning("No companion can be heard: %s.", because(error))
        return Companions(None)
