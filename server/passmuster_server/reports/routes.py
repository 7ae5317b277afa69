"""The address to which laptops report."""

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
from passmuster_server.reports.service import PATH, Reports
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError, on_any_refusal

CONTENT_TYPE = "application/jose"


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
    return [Route(PATH, door, methods=["POST"])]


class ReportDoor:
    """`POST /api/v1/reports`: an ASGI application, because laptops never stop asking."""

    def __init__(self, reports: Reports, counter: Counter, addresses: Addresses) -> None:
        self._reports = reports
        self._addresses = addresses
        self._counter = counter
        self._accepted = counter.labels("accepted")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; this is ASGI's signature."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except (RefusalError, ContractError, StoreUnavailableError) as error:
            self._counter.labels(_outcome(error)).inc()
            response = await on_any_refusal(request, error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        limits = LIMITS_TYPE in request.headers.get("accept", "")
        sender = version_of_sender(request.headers.get("user-agent", ""))
        body = await read_body(request, limit=MAX_BYTES, content_type=CONTENT_TYPE)
        answer = await self._reports.take_in(
            body, limits=limits, sender=sender, address=self._addresses.known(request)
        )
        self._accepted.inc()
        return Response(
            answer,
            media_type=LIMITS_TYPE if limits else "application/json",
            headers={"Cache-Control": "no-store", "Vary": "Accept"},
        )


def _outcome(error: RefusalError | ContractError | StoreUnavailableError) -> str:
    if isinstance(error, RefusalError):
        return error.problem.code
    if isinstance(error, ContractError):
        return "malformed"
    return "overloaded" if isinstance(error, OverloadedError) else "unavailable"
