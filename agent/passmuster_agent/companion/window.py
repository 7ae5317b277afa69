"""Where people who are logged in see what the server last said, without rights of the agent's.

The agent is a service of its own user, whose files are closed. Whoever may look gets one message
and is let go; nothing is heard from them, and nothing is told of what was read. What is told is
what the server's answer holds for the worker: verdict, reasons, remedies, time left.
"""

import contextlib
import logging
import time
from collections.abc import Callable

from passmuster_agent.companion import meeting
from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.channel import (
    Caller,
    Channel,
    ChannelClosedError,
    Door,
    TooLongError,
    readable,
)
from passmuster_agent.companion.messages import MAX_BYTES, Goodbye
from passmuster_agent.errors import AgentError, because
from passmuster_agent.status import AgentStatus, shortened
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.canonical import canonical_bytes
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.host.events import NEVER, Events

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 5.0
MOST_A_LOOK = 16
MOST_LOOKS = 60
PER_S = 60.0
FIRST_PERSON, NOBODY, ROOT = 1000, 65_534, 0
WORDS = ((64, 64), (4, 4), (2, 2), (1, 1), (1, 0), (0, 0))
"""How many reasons and remedies are told of each signal; the first that fit into one message."""


class Window:
    """A `Watch` that hears nothing: it shows whoever may look what `told` returns.

    They come by `door`; None is a laptop where nobody can look.
    """

    def __init__(self, door: Door | None, told: Callable[[], AgentStatus]) -> None:
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
        if not (caller.is_own or caller.person == ROOT or _is_logged_in(caller)):
            return _goodbye("it tells people who are logged in")
        looks = self._looks.setdefault(caller.person, Allowance(MOST_LOOKS, PER_S))
        if not looks.spend(time.monotonic()):
            return _goodbye("you look too often; try again in a minute")
        try:
            return fitting(self._told())
        except AgentError as error:
            return _goodbye(error.problem[:128])


def fitting(status: AgentStatus) -> bytes:
    """Return the message of a status, with as many of its words as fit."""
    for reasons, remedies in WORDS:
        value = {"status": codec.encode(shortened(status, reasons, remedies))}
        message = canonical_bytes(value)
        if len(message) <= MAX_BYTES:
            return message
    return _goodbye("it has more to tell than fits")


def open_window(told: Callable[[], AgentStatus]) -> Window:
    """Open the window of this process; never fails, since all else works without it."""
    try:
        return Window(meeting.open_window_door(), told)
    except OSError as error:
        log.warning("Nobody can ask for the verdict: %s.", because(error))
        return Window(None, told)


def look() -> AgentStatus | None:
    """Return what the agent of this laptop tells; None where no agent listens.

    Raises `AgentError` where one does and does not tell.
    """
    for connect in meeting.windows():
        try:
            channel = connect()
        except OSError:
            continue
        try:
            return _received(channel)
        finally:
            channel.close()
    return None


def _received(channel: Channel) -> AgentStatus:
    deadline = time.monotonic() + ANSWER_WITHIN_S
    try:
        while (data := channel.receive()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not readable([channel.fileno()], left):
                raise _silent(f"no answer in {ANSWER_WITHIN_S:g} s")
        value = strict_json.parse(data, max_bytes=MAX_BYTES)
        if isinstance(value, dict) and set(value) == {"goodbye"}:
            raise _silent(codec.decode(Goodbye, value["goodbye"], "goodbye").reason)
        status = value.get("status") if isinstance(value, dict) else None
        return codec.decode(AgentStatus, status, "status")
    except ChannelClosedError:
        raise _silent("it has hung up") from None
    except (ContractError, TooLongError):
        raise _silent("it is of another version") from None


def _silent(why: str) -> AgentError:
    return AgentError(
        f"This laptop's agent does not tell what the server said ({why}).",
        "Try again in a minute; if that does not help: passmuster-agent doctor",
    )


def _is_logged_in(caller: Caller) -> bool:
    """Whether it is a person's number, and logind knows them: a greeter's user is no person."""
    return caller.is_logged_in and caller.person >= FIRST_PERSON and caller.person != NOBODY


def _goodbye(reason: str) -> bytes:
    return canonical_bytes({"goodbye": codec.encode(Goodbye(reason, for_good=False))})
