"""Verdicts that time changes: a report grows too old, a grace period or a waiver ends.

The gate does not wait for this, it looks at the time itself. This puts the change on record, once,
and tells whoever listens.
"""

import asyncio
import contextlib
import heapq
import itertools
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


class Deadlines:
    """Judges each device again when its verdict runs out."""

    def __init__(
        self, database: Database, standings: Standings, policies: Policies, clock: Clock
    ) -> None:
        self._database = database
        self._standings = standings
        self._policies = policies
        self._clock = clock
        self._heap: list[tuple[datetime, int, str, str]] = []
        self._entries: dict[tuple[str, str], int] = {}
        self._numbers = itertools.count()
        self._moved = asyncio.Event()
        self.task = BackgroundTask("deadlines", self._run)
        standings.listen(self._changed)

    def __len__(self) -> int:
        return len(self._heap)

    def _changed(self, _: Standing | None, standing: Standing) -> None:
        key = (standing.organisation, standing.device)
        due = _due(standing)
        if due is None:
            self._entries.pop(key, None)
            return
        number = next(self._numbers)
        # Older entries of the device stay in the heap and are passed over when they come up.
        self._entries[key] = number
        heapq.heappush(self._heap, (due, number, *key))
        if self._heap[0][1] == number:
            self._moved.set()
        if len(self._heap) > 64 + 4 * len(self._entries):
            self._heap = [item for item in self._heap if self._entries.get(item[2:]) == item[1]]
            heapq.heapify(self._heap)

    async def _run(self) -> None:
        while True:
            self._moved.clear()
            if self._heap:
                wait = (self._heap[0][0] - self._clock()).total_seconds()
                if wait <= 0:
                    await self._judge(heapq.heappop(self._heap))
                    continue
            else:
                wait = LONGEST_SLEEP_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), min(wait, LONGEST_SLEEP_S))

    async def _judge(self, entry: tuple[datetime, int, str, str]) -> None:
        _, number, organisation, device = entry
        later = self._clock() + timedelta(seconds=RETRY_S)
        if self._entries.get((organisation, device)) != number:
            return
        try:
            await self._policies.refresh(organisation, device)
        except LookupError:
            self._entries.pop((organisation, device), None)
        except StoreUnavailableError:
            heapq.heappush(self._heap, (later, number, organisation, device))
            await asyncio.sleep(0.1)
        except Exception:
            # Not lost, and not in the way of the others meanwhile.
            heapq.heappush(self._heap, (later, number, organisation, device))
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
