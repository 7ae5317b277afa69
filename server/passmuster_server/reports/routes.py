"""The address to which laptops report."""

import asyncio
from functools import partial

from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.strict_json import MAX_BYTES
from passmuster_collectors.contract.verdict import LIMITS_TYPE
from passmuster_server.database import OverloadedError, StoreUnavailableError
from passmuster_server.devices.addresses import Addresses
from passmuster_server.devices.agent_versions import version_of_sender
from passmuster_server.doors import BECOMES, Answer, Client, Headers, Later
from passmuster_server.reports.acceptance import Result, answer_of
from passmuster_server.reports.service import PATH, Reports, Sent
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError, on_any_refusal

CONTENT_TYPE = "application/jose"

_HEAD = b"content-type: %b\r\ncontent-length: %%d\r\ncache-control: no-store\r\nvary: Accept\r\n"


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    reports = Reports(
        services.database,
        services.policies,
        services.clock,
        organisation=DEFAULT_ORGANISATION,
        urls=frozenset(origin + PATH for origin in services.config.addresses),
        oldest_agent=services.config.oldest_agent,
        spans=services.spans,
        on_readings=services.readings_listeners,
    )

    door = ReportDoor(reports, services.metrics.reports, Addresses(services.config))
    services.doors[PATH] = door
    services.doors_at_once[PATH.encode()] = door
    return [Route(PATH, door, methods=["POST"])]


class ReportDoor:
    """`POST /api/v1/reports`: an ASGI application, because laptops never stop asking."""

    max_body = MAX_BYTES

    def __init__(self, reports: Reports, counter: Counter, addresses: Addresses) -> None:
        self._reports = reports
        self._addresses = addresses
        self._counter = counter
        self._accepted = counter.labels("accepted")
        self._answer_as = {
            limits: partial(self._made, _HEAD % _answer_type(limits=limits).encode())
            for limits in (False, True)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; this is ASGI's signature."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except (RefusalError, ContractError, StoreUnavailableError) as error:
            self._counter.labels(_outcome(error)).inc()
            response = await on_any_refusal(request, error)
        await response(scope, receive, send)

    def waits_for_body(self, headers: Headers) -> bool:
        """Whether nothing of the head is refused; laptops send a body right behind it."""
        given = dict(reversed(headers))
        declared = given.get(b"content-length", b"")
        fits = not declared.isdigit() or int(declared) <= MAX_BYTES
        return fits and given.get(b"content-type") == CONTENT_TYPE.encode()

    def at_once(self, headers: Headers, body: bytes, client: Client) -> Later | None:
        """Begin with a report whose signer is known, where nothing of its head is wrong."""
        # Of two headers with one name the first one counts, as by ASGI.
        given = dict(reversed(headers))
        if given.get(b"content-type") != CONTENT_TYPE.encode():
            return None
        compares = self._reports.compares_addresses
        if compares and self._addresses.behind_proxy:
            # Who has sent it is read from the head on the way to ASGI.
            return None
        limits = LIMITS_TYPE.encode() in given.get(b"accept", b"")
        sender = version_of_sender(given.get(b"user-agent", b"").decode("latin-1"))
        address = self._addresses.known_of(client) if compares else None
        future = self._reports.begin(Sent(body, limits, sender, address))
        return None if future is None else Later(future, self._answer_as[limits])

    def _made(self, head: bytes, result: Result) -> Answer:
        answer = answer_of(result)
        self._accepted.inc()
        return head % len(answer), answer

    async def _answer(self, request: Request) -> Response:
        limits = LIMITS_TYPE in request.headers.get("accept", "")
        begun: asyncio.Future[Result] | None = request.scope.get(BECOMES)
        if begun is not None:
            answer = answer_of(await begun)
        else:
            sender = version_of_sender(request.headers.get("user-agent", ""))
            body = await read_body(request, limit=MAX_BYTES, content_type=CONTENT_TYPE)
            compares = self._reports.compares_addresses
            address = self._addresses.known(request) if compares else None
            answer = await self._reports.take_in(Sent(body, limits, sender, address))
        self._accepted.inc()
        return Response(
            answer,
            media_type=_answer_type(limits=limits),
            headers={"Cache-Control": "no-store", "Vary": "Accept"},
        )


def _answer_type(*, limits: bool) -> str:
    return LIMITS_TYPE if limits else "application/json"


def _outcome(error: RefusalError | ContractError | StoreUnavailableError) -> str:
    if isinstance(error, RefusalError):
        return error.problem.code
    if isinstance(error, ContractError):
        return "malformed"
    return "overloaded" if isinstance(error, OverloadedError) else "unavailable"
