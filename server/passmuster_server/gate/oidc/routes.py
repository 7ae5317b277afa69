"""The addresses of the OpenID provider."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.signals import CATALOG
from passmuster_server.gate.oidc import discovery
from passmuster_server.gate.oidc.answers import Answers
from passmuster_server.gate.oidc.authorize import Authorize
from passmuster_server.gate.oidc.people import People
from passmuster_server.gate.oidc.step import Step
from passmuster_server.gate.oidc.token import TokenEndpoint
from passmuster_server.gate.oidc.verdicts import Verdicts
from passmuster_server.gate.service import GateService
from passmuster_server.proof.service import Proofs
from passmuster_server.services import Services


def routes(services: Services, gate: GateService) -> list[Route]:
    """Return the routes of this door, which asks `gate`."""
    config, database, clock = services.config, services.database, services.clock
    issuer = discovery.issuer_of(config.public_url)
    proofs, answers = Proofs(services), Answers(issuer)
    verdicts = Verdicts(issuer, database, clock, gate, proofs, services.policies, services.signing)
    people = People(issuer, services.signing, clock)
    authorize = Authorize(database, clock, people, verdicts, answers)
    step = Step(
        database,
        clock,
        proofs,
        verdicts,
        answers,
        whys={signal.id: signal.why for signal in CATALOG},
        public_url=config.public_url,
        contact=config.contact,
    )
    token = TokenEndpoint(database, clock, verdicts)
    return [
        Route(
            discovery.DISCOVERY_PATH,
            partial(_metadata, discovery.metadata(config.public_url)),
            methods=["GET"],
        ),
        Route(discovery.AUTHORIZE_PATH, authorize.answer, methods=["GET", "POST"]),
        Route(discovery.STEP_PATH + "{login}", step.page, methods=["GET"]),
        Route(discovery.STEP_PATH + "{login}/ready", step.ready, methods=["GET"]),
        Route(discovery.STEP_PATH + "{login}/leave", step.leave, methods=["GET"]),
        Route(discovery.TOKEN_PATH, token.answer, methods=["POST"]),
        Route(discovery.USERINFO_PATH, token.userinfo, methods=["GET", "POST"]),
    ]


async def _metadata(document: bytes, _: Request) -> Response:
    return Response(
        document,
        media_type="application/json",
        headers={"Cache-Control": "max-age=3600", "Access-Control-Allow-Origin": "*"},
    )
