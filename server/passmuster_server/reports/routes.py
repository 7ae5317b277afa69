"""The address to which laptops report."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.strict_json import MAX_BYTES
from passmuster_collectors.contract.verdict import LIMITS_TYPE
from passmuster_server.database import OverloadedError, StoreUnavailableError
from passmuster_server.devices.agent_versions import version_of_sender
from passmuster_server.reports.service import PATH, Reports
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError

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
    )

    counter = services.metrics.reports
    accepted = counter.labels("accepted")

    async def report(request: Request) -> Response:
        limits = LIMITS_TYPE in request.headers.get("accept", "")
        sender = version_of_sender(request.headers.get("user-agent", ""))
        try:
            body = await read_body(request, limit=MAX_BYTES, content_type=CONTENT_TYPE)
            answer = await reports.take_in(body, limits=limits, sender=sender)
        except (RefusalError, ContractError, StoreUnavailableError) as error:
            counter.labels(_outcome(error)).inc()
            raise
        accepted.inc()
        return Response(
            answer,
            media_type=LIMITS_TYPE if limits else "application/json",
            headers={"Cache-Control": "no-store", "Vary": "Accept"},
        )

    return [Route(PATH, report, methods=["POST"])]


def _outcome(error: RefusalError | ContractError | StoreUnavailableError) -> str:
    if isinstance(error, RefusalError):
        return error.problem.code
    if isinstance(error, ContractError):
        return "malformed"
    return "overloaded" if isinstance(error, OverloadedError) else "unavailable"
