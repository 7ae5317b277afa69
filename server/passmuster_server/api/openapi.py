"""The OpenAPI 3.1 document, made from the operations and their types."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from passmuster_server import __version__
from passmuster_server.api.endpoint import Operation
from passmuster_server.api.messages import Problem
from passmuster_server.gate.oauth import TOKEN_PATH
from passmuster_server.web.problems import TITLES

REFERENCE = "#/components/schemas/{name}"
PROBLEM_TYPE = "application/problem+json"

_TAG = {"ETag": {"description": "Names this very answer.", "schema": {"type": "string"}}}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of the answer that you have: 304 where it still holds.",
    "schema": {"type": "string"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of what is to be changed: 412 where another is in its place by now.",
    "schema": {"type": "string", "minLength": 1},
}


def document(operations: Sequence[Operation[Any, Any, Any]], public_url: str) -> Mapping[str, Any]:
    """Return the document as plain JSON values."""
    bodies = [each.body_type for each in operations if each.has_body]
    answers = [each.answer_type for each in operations if each.answer_type is not None]
    told: list[Any] = [Problem, *bodies, *answers]
    asked: list[Any] = [kind for each in operations for kind in (each.path_type, each.query_type)]
    _, components = msgspec.json.schema_components([*told, *asked], ref_template=REFERENCE)
    parameters = {kind.__name__: components.pop(kind.__name__) for kind in dict.fromkeys(asked)}
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, parameters)
    scopes = {scope: f"The scope {scope}" for each in operations for scope in each.scopes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Passmuster",
            "version": __version__,
            "summary": "What IT sees and changes in the console, for programs.",
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "oauth2": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {"tokenUrl": public_url + TOKEN_PATH, "scopes": scopes}
                    },
                },
            },
        },
    }


def _operation(operation: Operation[Any, Any, Any], types: Mapping[str, Any]) -> Mapping[str, Any]:
    refusals = [400, 401, 403, 429, 503]
    if operation.path_type.__struct_fields__ or operation.of_everyone:
        refusals.append(404)
    if operation.needs_match:
        refusals += [412, 428]
    if operation.method in ("POST", "PATCH"):
        refusals.append(409)
    if operation.has_body:
        refusals += [404, 413, 415]
    done: dict[str, Any] = {"description": operation.summary}
    if operation.answer_type is not None:
        done["content"] = {"application/json": {"schema": _reference(operation.answer_type)}}
    responses: dict[str, Any] = {str(operation.status): done}
    cached = operation.method == "GET"
    if cached or operation.needs_match:
        done["headers"] = _TAG
    if cached:
        responses["304"] = {"description": "What you have still holds", "headers": _TAG}
    for status in sorted(set(refusals)):
        content = {PROBLEM_TYPE: {"schema": _reference(Problem)}}
        responses[str(status)] = {"description": TITLES[status], "content": content}
    taken: dict[str, Any] = {}
    if operation.has_body:
        content = {"application/json": {"schema": _reference(operation.body_type)}}
        taken = {"requestBody": {"required": True, "content": content}}
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            *_parameters(types[operation.path_type.__name__], "path"),
            *_parameters(types[operation.query_type.__name__], "query"),
            *([_IF_NONE_MATCH] if cached else []),
            *([_IF_MATCH] if operation.needs_match else []),
        ],
        **taken,
        "responses": responses,
        "security": [
            {scheme: [scope]} for scope in operation.scopes for scheme in ("token", "oauth2")
        ],
    }


def _parameters(struct: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    required = struct.get("required", ())
    return [
        {"name": name, "in": place, "required": name in required, "schema": schema}
        for name, schema in struct["properties"].items()
    ]


def _reference(kind: type[Any]) -> Mapping[str, str]:
    return {"$ref": REFERENCE.format(name=kind.__name__)}
