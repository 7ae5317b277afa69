"""The transmitter: its metadata, its API, and the task that delivers."""

from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.contract.verdict import Verdict
from passmuster_server.database import Transaction
from passmuster_server.gate.clients import GateClients
from passmuster_server.policy.standing import Standing
from passmuster_server.services import Services
from passmuster_server.signing.routes import JWKS_PATH
from passmuster_server.ssf import outbox
from passmuster_server.ssf.bell import Bell
from passmuster_server.ssf.delivery import Delivery
from passmuster_server.ssf.events import events_of, tells
from passmuster_server.ssf.management import Management
from passmuster_server.ssf.messages import POLL_PATH
from passmuster_server.ssf.poll import Polling
from passmuster_server.ssf.stream import Method

METADATA_PATH = "/.well-known/ssf-configuration"
STREAM_PATH = "/ssf/stream"
STATUS_PATH = "/ssf/status"
ADD_PATH = "/ssf/subjects:add"
REMOVE_PATH = "/ssf/subjects:remove"
VERIFY_PATH = "/ssf/verify"


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    issuer = services.config.public_url
    database, clock, signing = services.database, services.clock, services.signing
    bell = Bell()
    services.on_closing(bell.close)
    services.run_beside(Delivery(database, signing, clock, bell, services.spans).task)
    clients = GateClients(database, clock=clock)

    def verdict_changed(
        transaction: Transaction, standing: Standing, before: Verdict | None
    ) -> None:
        organisation, now = standing.organisation, clock()
        # Before the words are found, for which hardly any fleet has a listener.
        if not tells(standing, before) or not outbox.has_streams(transaction, organisation):
            return
        if outbox.put(
            transaction.connection,
            organisation,
            standing.owner,
            standing.device,
            events_of(standing, before, now),
            issuer,
            now,
        ):
            transaction.after_commit(bell.ring)

    services.policies.on_verdict(verdict_changed)
    manage = Management(clients, database, clock, bell, issuer)
    polling = Polling(clients, database, signing, clock, bell)
    every = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    return [
        Route(METADATA_PATH, partial(_metadata, metadata(issuer)), methods=["GET"]),
        Route(STREAM_PATH, manage.configuration, methods=every),
        Route(STATUS_PATH, manage.status, methods=["GET", "POST"]),
        Route(ADD_PATH, manage.add_subject, methods=["POST"]),
        Route(REMOVE_PATH, manage.remove_subject, methods=["POST"]),
        Route(VERIFY_PATH, manage.verify, methods=["POST"]),
        Route(POLL_PATH + "{stream}", polling.answer, methods=["POST"]),
    ]


def metadata(issuer: str) -> bytes:
    """Return the transmitter's configuration metadata (SSF 1.0, section 7.1)."""
    return msgspec.json.encode(
        {
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": issuer + JWKS_PATH,
            "delivery_methods_supported": [Method.PUSH.value, Method.POLL.value],
            "configuration_endpoint": issuer + STREAM_PATH,
            "status_endpoint": issuer + STATUS_PATH,
            "add_subject_endpoint": issuer + ADD_PATH,
            "remove_subject_endpoint": issuer + REMOVE_PATH,
            "verification_endpoint": issuer + VERIFY_PATH,
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
            "default_subjects": "ALL",
        }
    )


async def _metadata(document: bytes, _: Request) -> Response:
    return Response(
        document, media_type="application/json", headers={"Cache-Control": "max-age=3600"}
    )
