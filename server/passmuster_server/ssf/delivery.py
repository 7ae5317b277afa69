"""Delivers what waits in the outbox to receivers that have it pushed: in order, at least once.

Every stream is delivered by itself, so that one receiver that hangs holds up no other. Within a
stream the events of one laptop go one after the other; what fails is tried again before anything
that follows it. An event leaves the outbox after its receiver has confirmed it, never before.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection

from passmuster_server.background import BackgroundTask
from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.pauses import pause_after
from passmuster_server.signing.service import SigningKeys
from passmuster_server.spans import Attributes, Spans
from passmuster_server.ssf import claims, outbox, webhooks
from passmuster_server.ssf.bell import Bell
from passmuster_server.ssf.outbox import Waiting
from passmuster_server.ssf.push import SET_TYPE, Outcome, Pushed, Pusher
from passmuster_server.ssf.stream import Method, Settings, Stream

AT_ONCE = 64
"""Events in one round of a stream."""
SIDE_BY_SIDE = 8
"""Laptops of one stream whose events are sent at the same time."""
ROUND_S = 10.0
"""So long a round begins new pushes; with the last one's time-out, well within the lease."""

LOOK_EVERY_S = 1.0
"""How long an event waits that another server wrote, while that one could not deliver it."""
LOOK_ALONE_S = 30.0
"""Whoever is alone on its database hears of each event itself."""
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 300.0

_log = logging.getLogger(__name__)


@dataclass
class _Round:
    """What became of one round: `jti` taken, refused with reasons, and the first failure."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failure: str = ""


class Delivery:
    """The task that pushes. `jitter` returns a number from 0 to 1."""

    def __init__(
        self,
        database: Database,
        signing: SigningKeys,
        clock: Clock,
        bell: Bell,
        spans: Spans,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._signing = signing
        self._clock = clock
        self._bell = bell
        self._jitter = jitter
        self._server = secrets.token_hex(8)
        self._push = spans.around_async("event push", self._pushed, _told)
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.task = BackgroundTask("shared signals", self._run)

    async def _run(self) -> None:
        pusher = Pusher()
        try:
            while True:
                ring = self._bell.next_ring()
                try:
                    wait_s = await self._begin(pusher)
                except StoreUnavailableError:
                    wait_s = LOOK_EVERY_S
                await self._bell.wait(ring, wait_s)
        finally:
            for running in self._running.values():
                running.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            await pusher.close()

    async def _begin(self, pusher: Pusher) -> float:
        """Begin to deliver what is due; return how many seconds later to look again."""
        now = self._clock()
        if self._database.shared:
            if await self._database.read(lambda connection: claims.due_streams(connection, now)):
                found = await self._database.write(
                    lambda transaction: claims.claim_streams(
                        transaction.connection, self._server, now
                    )
                )
            else:
                found = []
        else:
            found = await self._database.read(
                lambda connection: claims.due_streams(connection, now)
            )
        for stream in found:
            key = (stream.organisation, stream.stream)
            if key not in self._running:
                task = asyncio.create_task(self._deliver(pusher, stream))
                self._running[key] = task
                task.add_done_callback(partial(self._ended, key))
        retry_at = await self._database.read(claims.next_retry)
        idle_s = LOOK_EVERY_S if self._database.shared else LOOK_ALONE_S
        if retry_at is None:
            return idle_s
        return min(idle_s, max(0.01, (retry_at - now).total_seconds()))

    def _ended(self, key: tuple[str, str], _: "asyncio.Task[None]") -> None:
        self._running.pop(key, None)

    async def _deliver(self, pusher: Pusher, stream: Stream) -> None:
        """Deliver the stream until nothing waits or a push fails, then leave it to whoever may."""
        due: Stream | None = stream
        try:
            while due is not None:
                due = await self._deliver_some(pusher, due)
        except StoreUnavailableError:
            _log.warning("stream %s: what was delivered is not on record yet", stream.stream)
        except Exception as error:  # noqa: BLE001 - the other streams go on
            _log.error("stream %s: %s", stream.stream, type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)
        finally:
            if self._database.shared:
                await self._release(stream)
        # What was written while the stream was still held was nobody else's to begin.
        self._bell.ring()

    async def _deliver_some(self, pusher: Pusher, stream: Stream) -> Stream | None:
        found, _ = await self._database.read(
            lambda connection: outbox.waiting(connection, stream, AT_ONCE)
        )
        result = await self._push_all(pusher, stream, found)
        now = self._clock()

        def settle(connection: Connection) -> Stream | None:
            if result.taken:
                outbox.acknowledge(connection, stream, result.taken)
            for jti, why in result.refused.items():
                outbox.refuse(connection, stream, jti, why, now)
            if result.failure:
                retry_at = now + pause_after(
                    stream.failures, FIRST_RETRY_S, LONGEST_RETRY_S, self._jitter
                )
                claims.postpone(connection, stream, retry_at, stream.failures + 1)
            elif stream.failures:
                claims.postpone(connection, stream, None, 0)
            if self._database.shared and not claims.hold(connection, stream, self._server, now):
                return None
            return claims.still_due(connection, stream, now)

        due = await self._database.write(lambda transaction: settle(transaction.connection))
        for _ in result.refused:
            # In the words of the receiver, which may name a person, it is kept beside the event.
            _log.warning("stream %s: the receiver refused an event", stream.stream)
        if result.failure:
            _log.warning("stream %s: not delivered: %s", stream.stream, result.failure)
        return due

    async def _push_all(self, pusher: Pusher, stream: Stream, found: list[Waiting]) -> _Round:
        by_subject: dict[str, list[Waiting]] = {}
        for waiting in found:
            by_subject.setdefault(waiting.subject, []).append(waiting)
        result = _Round()
        ends_at = asyncio.get_running_loop().time() + ROUND_S
        places = asyncio.Semaphore(SIDE_BY_SIDE)

        async def in_order(group: list[Waiting]) -> None:
            async with places:
                for waiting in group:
                    late = asyncio.get_running_loop().time() >= ends_at
                    if late or not await self._push_one(pusher, stream, waiting, result):
                        return

        await asyncio.gather(*(in_order(group) for group in by_subject.values()))
        return result

    async def _push_one(
        self, pusher: Pusher, stream: Stream, waiting: Waiting, result: _Round
    ) -> bool:
        """Push one event; return whether the next one of its laptop may follow."""
        pushed = await self._push(pusher, stream.settings, waiting.claims)
        if pushed.outcome is Outcome.TAKEN:
            result.taken.append(waiting.jti)
        elif pushed.outcome is Outcome.REFUSED:
            result.refused[waiting.jti] = pushed.why
        else:
            result.failure = result.failure or pushed.why
        return pushed.outcome is not Outcome.FAILED

    async def _pushed(self, pusher: Pusher, settings: Settings, event: Mapping[str, Any]) -> Pushed:
        assert settings.endpoint_url is not None  # noqa: S101 - a push stream has one
        if settings.method is Method.WEBHOOK:
            body, headers = webhooks.signed(event, settings.credential, self._clock())
            return await pusher.post(settings.endpoint_url, body, headers)
        token = await self._signing.sign(SET_TYPE, event)
        return await pusher.push(settings.endpoint_url, settings.credential, token)

    async def _release(self, stream: Stream) -> None:
        try:
            await self._database.write(
                lambda transaction: claims.release(transaction.connection, stream, self._server)
            )
        except StoreUnavailableError:
            _log.warning("stream %s: held until its time is over", stream.stream)


def _told(pushed: Pushed) -> Attributes:
    return {"passmuster.outcome": pushed.outcome.value}
