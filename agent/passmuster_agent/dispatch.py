"""Decides when the reporter runs, and what follows from how it ended."""

import logging
from collections.abc import Callable
from pathlib import Path

from passmuster_agent.delivery import Delivery, DeliveryKind, Obstacle
from passmuster_agent.reporter_process import ReporterProcess
from passmuster_agent.schedule import BackOff
from passmuster_collectors.host.events import NEVER

log = logging.getLogger(__name__)


class Dispatch:
    """At most one reporter at a time; pauses after failures."""

    def __init__(self, state: Path, uniform: Callable[[float, float], float]) -> None:
        self._state = state
        self._back_off = BackOff(uniform)
        self._obstacle = Obstacle.NONE
        self._waiting = False
        self._reporter: ReporterProcess | None = None

    def hold_until(self, at: float) -> None:
        """Do not send before `at`, seconds since boot."""
        self._back_off.wait_until(at)

    def wanted(self) -> None:
        """Take note that something waits in the outbox."""
        self._waiting = True

    def network_changed(self) -> None:
        """Try again at once, if it was the network that was in the way."""
        if self._obstacle is Obstacle.NETWORK:
            self._back_off.network_changed()

    def step(self, at: float) -> Delivery | None:
        """Start the reporter where it is time; return how one ended that has just ended."""
        delivered = None
        if self._reporter is not None and self._reporter.ended():
            delivered = self._reporter.result()
            self._reporter = None
            self._learn(delivered, at)
        if self._reporter is None and self._waiting and self._back_off.may_send(at):
            try:
                self._reporter = ReporterProcess(self._state)
                self._waiting = False
            except OSError as error:
                pause = self._back_off.failed(at)
                log.warning("The reporter cannot be started (%s); again in %.0f s.", error, pause)
        return delivered

    def next_at(self) -> float:
        """Return when the next step is due, beside the end of a running reporter."""
        return self._back_off.next_at() if self._waiting and self._reporter is None else NEVER

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when a running reporter ends."""
        return () if self._reporter is None else (self._reporter.descriptor(),)

    def stop(self) -> None:
        """Let a running reporter finish."""
        if self._reporter is not None:
            self._reporter.stop()
            self._reporter = None

    def _learn(self, delivered: Delivery, at: float) -> None:
        self._obstacle = delivered.obstacle
        if delivered.kind is DeliveryKind.ACCEPTED:
            self._back_off.succeeded()
        elif delivered.kind is DeliveryKind.LATER:
            self._waiting = True
            pause = self._back_off.failed(at, delivered.retry_after_s)
            log.warning("%s %s (again in %.0f s)", delivered.problem, delivered.remedy, pause)
