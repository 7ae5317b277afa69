"""Verdicts that time changes: a report grows too old, a grace period or a waiver ends.

The gate does not wait for this, it looks at the time itself. This puts the change on record, once,
and tells whoever listens.
"""

import asyncio
import contextlib
import heapq
from datetime import datetime, timedelta

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.background import BackgroundTask
from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import DeviceStatus, Standing
from passmuster_server.policy.standings import Standings

JUST_AFTER = timedelta(milliseconds=1)
RETRY_S = 5.0
LONGEST_SLEEP_S = 60.0
"""The server's clock may be set; waking now and then keeps the deadlines on time all the same."""

_Key = tuple[str, str]
"""Organisation and device."""


class Deadlines:
    """Judges each device again when its verdict runs out."""

    def __init__(
        self, database: Database, standings: Standings, policies: Policies, clock: Clock
    ) -> None:
        self._database = database
        self._standings = standings
        self._policies = policies
        self._clock = clock
        self._heap: list[tuple[datetime, _Key]] = []
        self._looks: dict[_Key, datetime] = {}
        self._moved = asyncio.Event()
        self.task = BackgroundTask("deadlines", self._run)
        standings.listen(self._changed)

    def __len__(self) -> int:
        return len(self._heap)

    def _changed(self, _: Standing | None, standing: Standing) -> None:
        key = (standing.organisation, standing.device)
        due = _due(standing)
        if due is None:
            self._looks.pop(key, None)
            return
        known = self._looks.get(key)
        # A look that comes too early finds the later moment. So a report, which puts it off, costs
        # nothing; what is earlier leaves the later one in the heap, to be passed over.
        if known is None or due < known:
            self._look(due, key)

    def _look(self, moment: datetime, key: _Key) -> None:
        self._looks[key] = moment
        heapq.heappush(self._heap, (moment, key))
        if self._heap[0][0] == moment:
            self._moved.set()
        if len(self._heap) > 64 + 4 * len(self._looks):
            self._heap = [(at, whose) for at, whose in self._heap if self._looks.get(whose) == at]
            heapq.heapify(self._heap)

    async def _run(self) -> None:
        while True:
            self._moved.clear()
            if self._heap:
                wait = (self._heap[0][0] - self._clock()).total_seconds()
                if wait <= 0:
                    await self._look_now(*heapq.heappop(self._heap))
                    continue
            else:
                wait = LONGEST_SLEEP_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), min(wait, LONGEST_SLEEP_S))

    async def _look_now(self, moment: datetime, key: _Key) -> None:
        if self._looks.get(key) != moment:
            return
        del self._looks[key]
        standing, now = self._standings.of_device(*key), self._clock()
        due = None if standing is None else _due(standing)
        if due is None:
            return
        if due > now:
            self._look(due, key)
            return
        later = now + timedelta(seconds=RETRY_S)
        try:
            await self._policies.refresh(*key)
        except LookupError:
            return
        except StoreUnavailableError:
            self._look(later, key)
            await asyncio.sleep(0.1)
        except Exception:
            # Not lost, and not in the way of the others meanwhile.
            self._look(later, key)
            raise


def _due(standing: Standing) -> datetime | None:
    if standing.status is not DeviceStatus.ACTIVE or standing.last_seen is None:
        return None
    if standing.verdict is Verdict.UNKNOWN:
        return None
    stale_at = standing.last_seen + timedelta(seconds=standing.max_age_s)
    if standing.verdict is Verdict.GRACE and standing.grace_until is not None:
        stale_at = min(stale_at, standing.grace_until)
    if standing.waived_until is not None:
        stale_at = min(stale_at, standing.waived_until)
    return stale_at + JUST_AFTER
