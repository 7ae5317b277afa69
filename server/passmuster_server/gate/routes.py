"""Every door of the gate, and what stands behind all of them."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.signals import CATALOG
from passmuster_server.gate import authzen, nginx, oauth
from passmuster_server.gate.blocked import BlockedPage
from passmuster_server.gate.clients import GateClients
from passmuster_server.gate.oidc.routes import routes as oidc_routes
from passmuster_server.gate.recorder import DecisionRecorder
from passmuster_server.gate.service import GateService
from passmuster_server.services import Services


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    public_url = services.config.public_url
    recorder = DecisionRecorder(services.database)
    services.run_beside(recorder.task)
    clients = GateClients(services.database, clock=services.clock)
    tokens = oauth.TokenEndpoint(clients, services.database, services.clock)
    service = GateService(
        services.standings,
        recorder,
        services.policies.current,
        services.clock,
        services.in_touch,
    )
    blocked = BlockedPage(
        recorder,
        service,
        services.clock,
        whys={signal.id: signal.why for signal in CATALOG},
        public_url=public_url,
        contact=services.config.contact,
    )
    return [
        Route(
            authzen.EVALUATION_PATH,
            authzen.AccessEvaluation(clients, service, public_url),
            methods=["POST"],
        ),
        Route(
            authzen.EVALUATIONS_PATH,
            authzen.AccessEvaluations(clients, service, public_url),
            methods=["POST"],
        ),
        Route(
            authzen.METADATA_PATH,
            partial(_document, authzen.metadata(public_url)),
            methods=["GET"],
        ),
        Route(oauth.TOKEN_PATH, tokens.answer, methods=["POST"]),
        Route(oauth.METADATA_PATH, partial(_document, oauth.metadata(public_url)), methods=["GET"]),
        Route(nginx.PATH, nginx.NginxGate(clients, service).answer, methods=["GET"]),
        Route(authzen.BLOCKED_PATH + "{decision}", blocked.answer, methods=["GET"]),
        *oidc_routes(services, service),
    ]


async def _document(document: bytes, _: Request) -> Response:
    return Response(
        document, media_type="application/json", headers={"Cache-Control": "max-age=3600"}
    )
