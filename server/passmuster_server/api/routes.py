"""Every operation of the API, and the document that describes them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.api import (
    accounts,
    administrators,
    alerts,
    allowances,
    audit,
    break_glass,
    callers,
    changes,
    devices,
    enrolment,
    group_policy,
    groups,
    history,
    oidc_clients,
    overview,
    people,
    policy,
    reported,
    webhooks,
)
from passmuster_server.api.endpoint import PREFIX, Door, Operation, cacheable
from passmuster_server.api.openapi import document
from passmuster_server.gate.clients import GateClients
from passmuster_server.services import Services

OPENAPI_PATH = f"{PREFIX}/openapi.json"


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    door = Door(GateClients(services.database, clock=services.clock), services.clock)
    operations = [
        operation
        for part in (
            devices,
            changes,
            allowances,
            reported,
            history,
            enrolment,
            groups,
            administrators,
            policy,
            group_policy,
            overview,
            audit,
            people,
            alerts,
            callers,
            accounts,
            break_glass,
            oidc_clients,
            webhooks,
        )
        for operation in part.operations(services)
    ]
    # One route for each path: its refusal of a method lists all others.
    by_path: dict[str, dict[str, Operation[Any, Any, Any]]] = {}
    for each in operations:
        by_path.setdefault(each.path, {})[each.method] = each
    described = msgspec.json.encode(document(operations, services.config.public_url))
    return [
        Route(OPENAPI_PATH, partial(_document, described), methods=["GET"]),
        *(
            Route(path, partial(_answer, door, methods), methods=list(methods))
            for path, methods in by_path.items()
        ),
    ]


async def _answer(
    door: Door, methods: Mapping[str, Operation[Any, Any, Any]], request: Request
) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    return await door.answer(methods[method], request)


async def _document(described: bytes, request: Request) -> Response:
    return cacheable(request, described, "max-age=3600")
