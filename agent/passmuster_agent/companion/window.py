"""Where people who are logged in see what the server last said, without rights of the agent's.

The agent is a service of its own user, whose files are closed. Whoever may look gets one message
and is let go; nothing is heard from them. What is told is what the server's answer holds for the
worker, verdict, reasons, remedies and time left, and whether reports get through: `told` has the
fields. No reading is told, but a reason names what it is about.
"""

import contextlib
import logging
import time
from collections.abc import Callable

from passmuster_agent.companion import meeting
from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.channel import Caller, ChannelClosedError, Door
from passmuster_agent.companion.messages import MAX_REASON, Goodbye
from passmuster_agent.errors import AgentError, because
from passmuster_collectors.contract import codec
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.host.events import NEVER, Events

log = logging.getLogger(__name__)

MOST_A_LOOK = 16
MOST_LOOKS = 60
PER_S = 60.0
FIRST_PERSON, NOBODY = 1000, 65_534
NOT_A_PERSON = "it tells people who are logged in"
TOO_OFTEN = "you look too often; try again in a minute"


class Window:
    """A `Watch` that hears nothing: it shows whoever may look the message that `told` returns.

    They come by `door`; None is a laptop where nobody can look.
    """

    def __init__(self, door: Door | None, told: Callable[[], bytes]) -> None:
        self._door = door
        self._told = told
        self._looks: dict[int, Allowance] = {}

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when somebody comes."""
        return () if self._door is None else (self._door.fileno(),)

    def read(self) -> Events:
        """Tell those who have come, and let them go."""
        for _ in range(MOST_A_LOOK):
            come = None if self._door is None else self._door.accept()
            if come is None:
                break
            channel, caller = come
            with contextlib.suppress(ChannelClosedError):
                channel.send(self._shown(caller))
            channel.close()
        return Events()

    def delivers(self, trigger: str) -> bool:  # noqa: ARG002 - nothing is heard here
        """Return that nothing is heard here."""
        return False

    def next_at(self) -> float:
        """Return that nothing is due without somebody who comes."""
        return NEVER

    def close(self) -> None:
        """Let nobody look any more."""
        if self._door is not None:
            self._door.close()
            self._door = None

    def _shown(self, caller: Caller) -> bytes:
        if not (caller.is_own or caller.is_root or is_person(caller)):
            return goodbye(NOT_A_PERSON)
        looks = self._looks.setdefault(caller.person, Allowance(MOST_LOOKS, PER_S))
        if not looks.spend(time.monotonic()):
            return goodbye(TOO_OFTEN)
        try:
            return self._told()
        except AgentError as error:
            return goodbye(error.problem[:MAX_REASON])


def open_window(told: Callable[[], bytes]) -> Window:
    """Open the window of this process; never fails, since all else works without it."""
    try:
        return Window(meeting.open_window_door(), told)
    except OSError as error:
        log.warning("Nobody can ask for the verdict: %s.", because(error))
        return Window(None, told)


def is_person(caller: Caller) -> bool:
    """Whether it is a person's number, and logind knows them: a greeter's user is no person."""
    if caller.in_session:
        return True
    return caller.is_logged_in and caller.person >= FIRST_PERSON and caller.person != NOBODY


def goodbye(reason: str) -> bytes:
    """Return the message for somebody who is told nothing."""
    return canonical_bytes({"goodbye": codec.encode(Goodbye(reason, for_good=False))})
