"""Where people who are logged in confirm a browser that can't reach this laptop.

They come with the number that the browser shows, are told what it stands for, and agree or leave.
The server is asked, and this laptop's key signs, for those who came and for nobody else.
"""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from passmuster_agent.companion import meeting
from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.channel import Channel, ChannelClosedError, Door, TooLongError
from passmuster_agent.companion.messages import (
    FROM_PERSON,
    MAX_REASON,
    Agreed,
    Browser,
    Goodbye,
    LetIn,
    Refused,
    Typed,
    from_bytes,
    to_bytes,
)
from passmuster_agent.companion.window import is_person
from passmuster_agent.delivery import Delivery, DeliveryKind
from passmuster_agent.errands import Confirm, LookUp
from passmuster_agent.errors import because
from passmuster_collectors.contract.confirmation import LIFETIME_S, BrowserAsking, digits_of
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.host import clocks
from passmuster_collectors.host.events import NEVER, Events

log = logging.getLogger(__name__)

NOW = float("-inf")
MOST_TALKS = 8
MOST_A_LOOK = 8
MOST_NUMBERS, PER_S = 10, 60.0
"""Each makes the laptop report. Both are each person's: nobody uses up another's."""


@dataclass
class _Talk:
    """One person at the counter; `errand` is what they wait for, once they said something."""

    channel: Channel
    person: int
    until: float
    errand: LookUp | Confirm | None = None
    asking: BrowserAsking | None = None


class Counter:
    """A `Watch` that hears people who come by `door`; None is a laptop where nobody can.

    `now` tells the seconds since boot.
    """

    def __init__(self, door: Door | None, now: Callable[[], float] = clocks.since_boot_s) -> None:
        self._door = door
        self._now = now
        self._talks: list[_Talk] = []
        self._current: _Talk | None = None
        self._numbers: dict[int, Allowance] = {}
        self._turns = 0
        self._last_turns: dict[int, int] = {}

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when somebody comes, speaks or leaves."""
        found = tuple(each.channel.fileno() for each in self._talks)
        return found if self._door is None else (self._door.fileno(), *found)

    def read(self) -> Events:
        """Let people in and hear them; nothing that they say is about this laptop."""
        for _ in range(MOST_A_LOOK):
            come = None if self._door is None else self._door.accept()
            if come is None:
                break
            channel, caller = come
            if not (caller.is_own or is_person(caller)):
                _dismiss(channel, "The agent hears people who are logged in.")
            elif sum(each.person == caller.person for each in self._talks) >= MOST_TALKS:
                _dismiss(channel, "You confirm too many things at the moment.")
            else:
                self._talks.append(_Talk(channel, caller.person, self._now() + LIFETIME_S))
        for talk in list(self._talks):
            if self._now() >= talk.until:
                self._end(talk, "That took too long.")
            else:
                self._hear(talk)
        return Events()

    def delivers(self, trigger: str) -> bool:  # noqa: ARG002 - nothing of the laptop is heard here
        """Return that nothing of the laptop is heard here."""
        return False

    def next_at(self) -> float:
        """Return when there is something to do: now, or when somebody's time is over."""
        if self._current is None and any(each.errand is not None for each in self._talks):
            return NOW
        return min((each.until for each in self._talks), default=NEVER)

    def next(self) -> LookUp | Confirm | None:
        """Return what to do for one of them, one at a time.

        It is the turn of the person who was served the longest ago, or never.
        """
        if self._current is not None:
            return None
        waiting = [each for each in self._talks if each.errand is not None]
        if not waiting:
            return None
        self._current = min(waiting, key=lambda each: self._last_turns.get(each.person, 0))
        self._turns += 1
        self._last_turns[self._current.person] = self._turns
        return self._current.errand

    def done(self, delivered: Delivery) -> None:
        """Tell what came of it to the one who waits, if they still do."""
        talk, self._current = self._current, None
        if talk is None or talk not in self._talks:
            return
        talk.errand = None
        if delivered.kind is DeliveryKind.STOPPED:
            self._refuse(talk, delivered.problem)
        elif delivered.kind is DeliveryKind.LATER:
            self._end(talk, delivered.problem)
        elif delivered.by_server:
            self._refuse(talk, delivered.refused)
        elif delivered.asking is not None:
            talk.asking = asking = delivered.asking
            told = Browser(
                asking.application,
                asking.person,
                asking.address,
                asking.same_address,
                asking.age_s,
            )
            self._send(talk, to_bytes(told))
        elif delivered.confirmed:
            log.info("A person at this laptop has confirmed a browser.")
            self._send(talk, to_bytes(LetIn()))
            self._drop(talk)
        else:
            self._end(talk, delivered.refused or "The server said nothing.")

    def close(self) -> None:
        """Let all go and listen no more."""
        for talk in list(self._talks):
            self._drop(talk)
        if self._door is not None:
            self._door.close()
            self._door = None

    def _hear(self, talk: _Talk) -> None:
        try:
            while (data := talk.channel.receive()) is not None:
                message: Typed | Agreed = from_bytes(data, FROM_PERSON)
                if isinstance(message, Typed) and talk.errand is None:
                    self._take_number(talk, digits_of(message.number))
                elif isinstance(message, Agreed) and talk.asking is not None:
                    asking, talk.asking = talk.asking, None
                    talk.errand = Confirm(asking.number, asking.challenge, asking.session)
                else:
                    self._end(talk, "It was not your turn.")
                if talk not in self._talks:
                    return
        except (ChannelClosedError, TooLongError):
            self._drop(talk)
        except ContractError:
            self._end(talk, "The agent is of another version.")

    def _take_number(self, talk: _Talk, number: str) -> None:
        if not number:
            self._end(talk, "That is not a number that a browser shows.")
        elif not self._numbers.setdefault(talk.person, Allowance(MOST_NUMBERS, PER_S)).spend(
            self._now()
        ):
            self._end(talk, "Too many numbers; wait a minute.")
        else:
            talk.asking, talk.errand = None, LookUp(number)

    def _send(self, talk: _Talk, message: bytes) -> None:
        try:
            talk.channel.send(message)
        except ChannelClosedError:
            self._drop(talk)

    def _refuse(self, talk: _Talk, why: str) -> None:
        self._send(talk, to_bytes(Refused(why[:MAX_REASON])))
        self._drop(talk)

    def _end(self, talk: _Talk, why: str) -> None:
        self._talks.remove(talk)
        _dismiss(talk.channel, why)

    def _drop(self, talk: _Talk) -> None:
        if talk in self._talks:
            self._talks.remove(talk)
            talk.channel.close()


def open_counter() -> Counter:
    """Open the counter of this process; never fails, since all else works without it."""
    try:
        return Counter(meeting.open_counter_door())
    except OSError as error:
        log.warning("Nobody can confirm a browser by its number: %s.", because(error))
        return Counter(None)


def _dismiss(channel: Channel, why: str) -> None:
    with contextlib.suppress(ChannelClosedError):
        channel.send(to_bytes(Goodbye(why[:MAX_REASON], for_good=False)))
    channel.close()
