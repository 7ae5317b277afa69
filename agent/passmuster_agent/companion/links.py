"""The daemon's end of one companion's channel.

Readers ask from threads of their own while the daemon waits for them; what the companion says
unasked is heard by the daemon itself. One of them at a time has the channel.
"""

import threading
import time
from typing import Any

from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.channel import (
    Channel,
    ChannelClosedError,
    TooLongError,
    readable,
)
from passmuster_agent.companion.messages import (
    FROM_COMPANION,
    Ask,
    Attest,
    Attested,
    Changed,
    Notice,
    Said,
    Silenced,
    from_bytes,
    to_bytes,
)
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.reading import SourceOutcome
from passmuster_collectors.host.base import (
    COMPANION,
    SourceConflictError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTimeoutError,
)

ANSWER_WITHIN_S = 3.0
"""A companion that takes longer is let go: the other signals must not wait for it."""

MOST_MESSAGES = 120
PER_S = 60.0
REFUSALS: dict[SourceOutcome, type[SourceError]] = {
    SourceOutcome.DENIED: SourceDeniedError,
    SourceOutcome.MISSING: SourceMissingError,
    SourceOutcome.TIMEOUT: SourceTimeoutError,
    SourceOutcome.CONFLICT: SourceConflictError,
}


class Link:
    """One companion that is connected.

    `misbehaved` tells that it was let go for what it sent or did not send. It `may_be_told` things
    where it is the daemon's own user's, and once it was asked for the session of a person.
    """

    def __init__(self, channel: Channel, *, may_be_told: bool) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._allowance = Allowance(MOST_MESSAGES, PER_S)
        self._number = 0
        self._heard = False
        self._told: Notice | Silenced | None = None
        self._asked: list[Attest] = []
        self.may_be_told = may_be_told
        self.closed = False
        self.misbehaved = ""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._channel.fileno()

    def ask(self, signal: str) -> Any:
        """Return what the companion says now, waiting for it. Raises `SourceError`."""
        if not self._lock.acquire(timeout=ANSWER_WITHIN_S):
            raise SourceTimeoutError(COMPANION, "it is busy with another question")
        try:
            self.may_be_told = True
            return self._answer(signal)
        finally:
            self._lock.release()

    def hear(self) -> bool:
        """Take what was said unasked; return whether it is a reason to ask."""
        if not self._lock.acquire(blocking=False):
            return False  # a reader that asks hears it as well
        try:
            while not self.closed:
                message = self._receive()
                if message is None:
                    break
                if isinstance(message, Said):
                    self._let_go("it answered what nobody asked")
            heard, self._heard = self._heard, False
            return heard
        finally:
            self._lock.release()

    def tell(self, notice: Notice | Silenced) -> None:
        """Send a notice, unless it is the last one again."""
        if self.closed or notice == self._told or not self._lock.acquire(blocking=False):
            return
        try:
            self._send(notice)
            self._told = notice
        finally:
            self._lock.release()

    def has_asked(self) -> bool:
        """Whether there is something that `asked` would return."""
        return bool(self._asked)

    def asked(self) -> tuple[Attest, ...]:
        """Return what browsers have asked through this companion since the last call."""
        asked, self._asked = tuple(self._asked), []
        return asked

    def attested(self, attested: Attested) -> None:
        """Tell where a browser goes now. A reader that has the channel is waited for."""
        with self._lock:
            self._send(attested)

    def close(self) -> None:
        """Close the channel."""
        if not self.closed:
            self.closed = True
            self._channel.close()

    def _answer(self, signal: str) -> Any:
        self._number += 1
        self._send(Ask(self._number, signal))
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while not self.closed:
            message = self._receive()
            if isinstance(message, Said):
                if message.number == self._number:
                    return _testimony(message)
                self._let_go("it answered another question")
            elif message is None and not self._wait(deadline):
                self._let_go(f"no answer in {ANSWER_WITHIN_S:g} s")
                raise SourceTimeoutError(COMPANION, self.misbehaved)
        if self.misbehaved:
            raise SourceConflictError(COMPANION, self.misbehaved)
        raise SourceMissingError(COMPANION, "it has ended")

    def _wait(self, deadline: float) -> bool:
        """Whether there is something to receive before the deadline, the end included."""
        if self.closed:
            return True
        return bool(readable([self._channel.fileno()], deadline - time.monotonic()))

    def _receive(self) -> Changed | Said | None:
        """Return one message, None if there is none. What breaks the rules closes the channel."""
        message: Attest | Changed | Said | None = None
        try:
            data = self._channel.receive()
            if data is not None:
                message = from_bytes(data, FROM_COMPANION)
        except ChannelClosedError:
            self._heard = True
            self.close()
        except TooLongError:
            self._let_go("its message was too long")
        except ContractError as error:
            self._let_go(f"its message was wrong ({error})")
        if message is None:
            return None
        if not self._allowance.spend(time.monotonic()):
            self._let_go("it talks too much")
        self._heard |= isinstance(message, Changed)
        if isinstance(message, Attest):
            self._asked.append(message)
            return None if self.closed else Changed()
        return None if self.closed else message

    def _send(self, message: Ask | Attested | Notice | Silenced) -> None:
        if self.closed:
            return
        try:
            self._channel.send(to_bytes(message))
        except ChannelClosedError:
            self._heard = True
            self.close()

    def _let_go(self, why: str) -> None:
        self._heard = True
        self.misbehaved = why
        self.close()


def _testimony(said: Said) -> Any:
    if said.testimony is None:
        refusal = REFUSALS.get(said.refusal or SourceOutcome.CONFLICT, SourceConflictError)
        raise refusal(COMPANION, "so it was in the session")
    return said.testimony
