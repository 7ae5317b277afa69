"""Every door of the gate, and what stands behind all of them."""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.signals import CATALOG
from passmuster_server.gate import authzen, break_glass, forward, nginx, oauth, visits
from passmuster_server.gate.blocked import AGAIN, BlockedPage
from passmuster_server.gate.clients import GateClients
from passmuster_server.gate.forwarded import Dialect
from passmuster_server.gate.oidc.routes import routes as oidc_routes
from passmuster_server.gate.recorder import DecisionRecorder
from passmuster_server.gate.service import GateService
from passmuster_server.gate.sessions import GateSessions
from passmuster_server.proof.service import Proofs
from passmuster_server.services import Services

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""With which Envoy asks: it keeps the browser's own."""


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    public_url = services.config.public_url
    recorder = DecisionRecorder(services.database, counted=services.metrics.decided)
    services.run_beside(recorder.task)
    clients = GateClients(services.database, clock=services.clock)
    tokens = oauth.TokenEndpoint(clients, services.database, services.clock)
    service = GateService(
        services.standings,
        recorder,
        services.policies.current,
        services.clock,
        services.in_touch,
        services.spans,
    )
    blocked = BlockedPage(
        recorder,
        service,
        services.clock,
        whys={signal.id: signal.why for signal in CATALOG},
        public_url=public_url,
        contact=services.config.contact,
    )
    sessions = GateSessions(services.database, services.standings, services.signing, services.clock)
    services.on_loading(sessions.load)
    services.run_beside(sessions.task)
    door = forward.ForwardAuth(
        clients, service, sessions, services.signing, blocked, services.clock, public_url
    )
    visit = visits.GateVisits(
        services.database,
        *(door, clients, service, sessions, Proofs(services), blocked, services.clock),
    )
    glass = break_glass.BreakGlassPage(
        visit,
        service,
        Proofs(services),
        services.database,
        services.clock,
        public_url=public_url,
        contact=services.config.contact,
        again=blocked.again,
    )
    evaluation = authzen.AccessEvaluation(clients, service, public_url)
    services.doors[authzen.EVALUATION_PATH] = evaluation
    services.doors_at_once[authzen.EVALUATION_PATH.encode()] = evaluation
    return [
        Route(
            authzen.EVALUATION_PATH,
            evaluation,
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
        Route(nginx.PATH, _nginx(nginx.NginxGate(clients, service), door), methods=["GET"]),
        Route(Dialect.TRAEFIK.path, partial(_ask, door, Dialect.TRAEFIK), methods=["GET"]),
        Route(Dialect.CADDY.path, partial(_ask, door, Dialect.CADDY), methods=["GET"]),
        Route(
            Dialect.ENVOY.path + "{path:path}",
            partial(_ask, door, Dialect.ENVOY),
            methods=list(METHODS),
        ),
        Route(forward.NGINX_RETURN, door.returned, methods=["GET"]),
        Route(forward.START, visit.start, methods=["GET"]),
        Route(visits.FINISH, visit.finish, methods=["GET"]),
        Route(visits.READY, visit.ready, methods=["GET"]),
        Route(visits.BREAK_GLASS, glass.ask, methods=["GET"]),
        Route(visits.BREAK_GLASS, glass.use, methods=["POST"]),
        Route(AGAIN, blocked.again_for_nginx, methods=["GET"]),
        Route(authzen.BLOCKED_PATH + "{decision}", blocked.answer, methods=["GET"]),
        *oidc_routes(services, service),
    ]


def _nginx(
    without: nginx.NginxGate, door: forward.ForwardAuth
) -> Callable[[Request], Awaitable[Response]]:
    """Return the door for nginx: with a session where nginx tells what the browser asked for."""

    async def answer(request: Request) -> Response:
        if "x-forwarded-uri" in request.headers:
            return await door.answer(request, Dialect.NGINX)
        return await without.answer(request)

    return answer


async def _ask(door: forward.ForwardAuth, dialect: Dialect, request: Request) -> Response:
    return await door.answer(request, dialect)


async def _document(document: bytes, _: Request) -> Response:
    return Response(
        document, media_type="application/json", headers={"Cache-Control": "max-age=3600"}
    )
