"""Poll delivery (RFC 8936): the receiver fetches its events by pages and acknowledges them."""

import asyncio
from typing import Any

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.clock import Clock
from passmuster_server.database import Database
from passmuster_server.gate.callers import SSF_MANAGE, SSF_READ, GateClient
from passmuster_server.gate.clients import GateClients
from passmuster_server.signing.service import SigningKeys
from passmuster_server.ssf import outbox, streams
from passmuster_server.ssf.bell import Bell
from passmuster_server.ssf.bodies import read_json
from passmuster_server.ssf.messages import PollRequest
from passmuster_server.ssf.outbox import Waiting
from passmuster_server.ssf.push import SET_TYPE
from passmuster_server.ssf.stream import Method, Status, Stream
from passmuster_server.web.problems import RefusalError

MAX_EVENTS = 100
"""In one answer, whatever is asked for."""
LONGEST_S = 25.0
"""How long an answer may wait for an event; shorter than proxies' usual time-outs."""
LOOK_EVERY_S = 1.0
"""Events that other servers wrote are seen that late at the latest."""


class Polling:
    """`POST /ssf/poll/{stream}`."""

    def __init__(
        self,
        clients: GateClients,
        database: Database,
        signing: SigningKeys,
        clock: Clock,
        bell: Bell,
    ) -> None:
        self._clients = clients
        self._database = database
        self._signing = signing
        self._clock = clock
        self._bell = bell

    async def answer(self, request: Request) -> Response:
        """Take what is acknowledged and return what waits.

        Raises `RefusalError`, `ContractError` and `StoreUnavailableError`.
        """
        client = await self._clients.authenticate(
            request.headers.get("authorization"), SSF_READ, SSF_MANAGE
        )
        asked = await read_json(request, PollRequest, empty=b"{}")
        stream = request.path_params["stream"]
        await self._take(client, stream, asked)
        limit = MAX_EVENTS if asked.maxEvents is None else min(asked.maxEvents, MAX_EVENTS)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + (0.0 if asked.returnImmediately else LONGEST_S)
        while True:
            ring = self._bell.next_ring()
            found, more = await self._look(client, stream, limit)
            left_s = ends_at - loop.time()
            if found or limit == 0 or left_s <= 0 or self._bell.closed:
                break
            await self._bell.wait(ring, min(left_s, LOOK_EVERY_S) if self._shared else left_s)
        shown: dict[str, Any] = {
            "sets": {each.jti: await self._signing.sign(SET_TYPE, each.claims) for each in found}
        }
        if more:
            shown["moreAvailable"] = True
        return Response(
            msgspec.json.encode(shown),
            media_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    @property
    def _shared(self) -> bool:
        return self._database.shared

    async def _take(self, client: GateClient, stream: str, asked: PollRequest) -> None:
        if not asked.ack and not asked.setErrs:
            return
        now = self._clock()

        def work(connection: Connection) -> None:
            found = _poll_stream(connection, client, stream)
            outbox.acknowledge(connection, found, asked.ack)
            for jti, error in asked.setErrs.items():
                outbox.refuse(connection, found, jti, f"{error.err}: {error.description}", now)

        await self._database.write(lambda transaction: work(transaction.connection))

    async def _look(
        self, client: GateClient, stream: str, limit: int
    ) -> tuple[list[Waiting], bool]:
        def work(connection: Connection) -> tuple[list[Waiting], bool]:
            found = _poll_stream(connection, client, stream)
            if found.status is not Status.ENABLED:
                return [], False
            return outbox.waiting(connection, found, limit)

        return await self._database.read(work)


def _poll_stream(connection: Connection, client: GateClient, stream: str) -> Stream:
    try:
        found = streams.find_stream(connection, client, stream)
    except LookupError:
        raise RefusalError(404, "no_stream", "You have no such stream.") from None
    if found.settings.method is not Method.POLL:
        raise RefusalError(404, "no_stream", "This stream is pushed, not polled.")
    return found
