"""The address to which laptops report."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.contract.strict_json import MAX_BYTES
from passmuster_collectors.contract.verdict import LIMITS_TYPE
from passmuster_server.reports.service import PATH, Reports
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.bodies import read_body

CONTENT_TYPE = "application/jose"


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    reports = Reports(
        services.database,
        services.policies,
        services.clock,
        organisation=DEFAULT_ORGANISATION,
        urls=frozenset(origin + PATH for origin in services.config.addresses),
    )

    async def report(request: Request) -> Response:
        body = await read_body(request, limit=MAX_BYTES, content_type=CONTENT_TYPE)
        limits = LIMITS_TYPE in request.headers.get("accept", "")
        answer = await reports.take_in(body, limits=limits)
        return Response(
            answer,
            media_type=LIMITS_TYPE if limits else "application/json",
            headers={"Cache-Control": "no-store", "Vary": "Accept"},
        )

    return [Route(PATH, report, methods=["POST"])]
