"""Deletes what is older than it has to be, in the background, a little at a time."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from passmuster_server.alerts import forgetting as alerts
from passmuster_server.background import BackgroundTask
from passmuster_server.changes import forget_changes
from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices import approvals
from passmuster_server.gate import client_store, recorder
from passmuster_server.gate.oidc import forgetting as oidc
from passmuster_server.gate.sessions import TICKET_LIFETIME, forget_sessions, forget_tickets
from passmuster_server.policy import forgetting as policy
from passmuster_server.reports import forgetting as reports
from passmuster_server.ssf import forgetting as signals

Forget = Callable[[Connection, datetime, int], int]
"""Deletes up to so many rows from before a moment, and returns how many it deleted."""

AT_ONCE = 500
"""Rows in one write: reports wait for no more than that."""

EVERY_S = 3600.0
BETWEEN_S = 0.05

_log = logging.getLogger(__name__)


class Retention:
    """Keeps history for `history` and the gate's decisions for `decisions`."""

    def __init__(
        self, database: Database, clock: Clock, *, history: timedelta, decisions: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._kept: tuple[tuple[timedelta, Forget], ...] = (
            (history, reports.forget_transitions),
            (history, reports.forget_evidence),
            (history, policy.forget_history),
            (history, policy.forget_waivers),
            (history, policy.forget_allowances),
            (decisions, recorder.forget_decisions),
            (signals.HELD, signals.forget_events),
            (alerts.HELD, alerts.forget_alerts),
            (decisions, forget_sessions),
            (TICKET_LIFETIME, forget_tickets),
            (timedelta(0), client_store.forget_access_tokens),
            (timedelta(0), oidc.forget_answers),
            (timedelta(0), approvals.forget_expired),
            (timedelta(0), forget_changes),
        )
        self.task = BackgroundTask("retention", self._run)

    async def forget(self) -> int:
        """Delete all that is too old now; return how many rows that was."""
        total = 0
        for kept, forget in self._kept:
            before = self._clock() - kept
            deleted = AT_ONCE
            while deleted == AT_ONCE:
                deleted = await self._some(forget, before)
                total += deleted
                await asyncio.sleep(BETWEEN_S)
        return total

    async def _some(self, forget: Forget, before: datetime) -> int:
        return await self._database.write(
            lambda transaction: forget(transaction.connection, before, AT_ONCE)
        )

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self.forget()
            except StoreUnavailableError:
                deleted = 0
            if deleted:
                _log.info("%d rows were older than they are kept", deleted)
            await asyncio.sleep(EVERY_S)
