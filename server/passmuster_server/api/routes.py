"""Every operation of the API, and the document that describes them."""

from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.api import audit, changes, devices, policy
from passmuster_server.api.endpoint import PREFIX, Door, cacheable
from passmuster_server.api.openapi import document
from passmuster_server.gate.clients import GateClients
from passmuster_server.services import Services

OPENAPI_PATH = f"{PREFIX}/openapi.json"


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    door = Door(GateClients(services.database, clock=services.clock), services.clock)
    operations = [
        operation
        for part in (devices, changes, policy, audit)
        for operation in part.operations(services)
    ]
    described = msgspec.json.encode(document(operations, services.config.public_url))
    return [
        Route(OPENAPI_PATH, partial(_document, described), methods=["GET"]),
        *(
            Route(each.path, partial(door.answer, each), methods=[each.method])
            for each in operations
        ),
    ]


async def _document(described: bytes, request: Request) -> Response:
    return cacheable(request, described, "max-age=3600")
