"""Decides when the reporter runs, and what follows from how it ended."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from passmuster_agent import delivery_words as words
from passmuster_agent.delivery import Delivery, DeliveryKind, Obstacle
from passmuster_agent.errands import Errand
from passmuster_agent.reporter_process import ReporterProcess
from passmuster_agent.schedule import BackOff
from passmuster_collectors.host.events import NEVER

log = logging.getLogger(__name__)

NOW = float("-inf")


class Dispatch:
    """At most one reporter at a time; pauses after failures."""

    def __init__(self, state: Path, uniform: Callable[[float, float], float]) -> None:
        self._state = state
        self._back_off = BackOff(uniform)
        self._obstacle = Obstacle.NONE
        self._waiting = False
        self._reporter: ReporterProcess | None = None
        self._errands: deque[Errand] = deque()
        self.ran: Errand | None = None
        """The errand that the delivery which `step` returned last was for, if it was for one."""

    def hold_until(self, at: float) -> None:
        """Do not send before `at`, seconds since boot."""
        self._back_off.wait_until(at)

    def wanted(self) -> None:
        """Take note that something waits in the outbox."""
        self._waiting = True

    def run(self, errand: Errand) -> None:
        """Report at once, whatever the pause, and let the reporter do the errand as well."""
        self._waiting = True
        self._errands.append(errand)

    def network_changed(self) -> None:
        """Try again at once, if it was the network that was in the way."""
        if self._obstacle is Obstacle.NETWORK:
            self._back_off.network_changed()

    def step(self, at: float) -> Delivery | None:
        """Start the reporter where it is time; return how one ended that has just ended."""
        delivered = None
        if self._reporter is not None and self._reporter.ended():
            delivered = self._reporter.result()
            self.ran = self._reporter.errand
            self._reporter = None
            self._learn(delivered, at)
            # The next one is started by the next step, which has an end of its own to tell.
        elif self._reporter is None and self._is_due(at):
            errand = self._errands.popleft() if self._errands else None
            try:
                self._reporter = ReporterProcess(self._state, errand)
                self._waiting = bool(self._errands)
            except OSError as error:
                pause = self._back_off.failed(at)
                log.warning("The reporter cannot be started (%s); again in %.0f s.", error, pause)
                if errand is not None:
                    # Whoever waits is told; they would else be tried again without a pause.
                    self.ran = errand
                    return Delivery(
                        DeliveryKind.LATER,
                        datetime.now(UTC),
                        obstacle=Obstacle.LAPTOP,
                        problem=words.NOT_STARTED,
                        remedy=words.READ_KEPT,
                    )
        return delivered

    def next_at(self) -> float:
        """Return when the next step is due, beside the end of a running reporter."""
        if self._reporter is not None or not self._waiting:
            return NEVER
        return NOW if self._errands else self._back_off.next_at()

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when a running reporter ends."""
        return () if self._reporter is None else (self._reporter.descriptor(),)

    def stop(self) -> None:
        """Let a running reporter finish."""
        if self._reporter is not None:
            self._reporter.stop()
            self._reporter = None

    def _is_due(self, at: float) -> bool:
        # Somebody sits and waits: a person's click is no reason to be patient with the network.
        return self._waiting and (bool(self._errands) or self._back_off.may_send(at))

    def _learn(self, delivered: Delivery, at: float) -> None:
        self._obstacle = delivered.obstacle
        if delivered.kind is DeliveryKind.ACCEPTED:
            self._back_off.succeeded()
        elif delivered.kind is DeliveryKind.LATER:
            self._waiting = True
            pause = self._back_off.failed(at, delivered.retry_after_s)
            log.warning("%s %s (again in %.0f s)", delivered.problem, delivered.remedy, pause)
