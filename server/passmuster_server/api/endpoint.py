"""One operation of the API, and the door that checks every call of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.clock import Clock
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.clients import GateClients
from passmuster_server.web.bodies import read_body, wrong_field
from passmuster_server.web.problems import RefusalError

P = TypeVar("P", bound=Struct)
Q = TypeVar("Q", bound=Struct)
B = TypeVar("B", bound=Struct)

PREFIX = "/api/v1"
MAX_BODY = 8 * 1024
_NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Call(Generic[P, Q, B]):
    """A call whose caller may make it: `path` and `query` are what its address says."""

    client: GateClient
    path: P
    query: Q
    body: B
    now: datetime
    if_match: str = ""

    @property
    def organisation(self) -> str:
        """The caller's organisation."""
        return self.client.organisation

    @property
    def actor(self) -> str:
        """The caller as the audit record names it: not to be mistaken for a person."""
        return f"{self.client.name} (API)"

    def sees(self, group: str) -> bool:
        """Whether devices of this group (its id) are there for the caller."""
        return self.client.groups is None or group in self.client.groups


@dataclass(frozen=True)
class Operation(Generic[P, Q, B]):
    """What the API can do: the routes and the OpenAPI document are made from this.

    One of `scopes` is needed. One that has no `answer_type` answers 204. `of_everyone`: it tells
    about the whole organisation, so a caller that is confined to groups may not. `needs_match`: the
    caller says in `If-Match` what it changes; the answer is what there is afterwards, with its tag.
    A POST that `makes_nothing` answers 200, others 201.
    """

    name: str
    path: str
    summary: str
    scopes: tuple[str, ...]
    path_type: type[P]
    query_type: type[Q]
    body_type: type[B]
    answer_type: type[Struct] | None
    work: Callable[[Call[P, Q, B]], Awaitable[Struct | None]]
    method: str = "GET"
    of_everyone: bool = False
    max_body: int = MAX_BODY
    needs_match: bool = False
    makes_nothing: bool = False

    @property
    def status(self) -> int:
        """What it answers when it is done."""
        if self.makes_nothing:
            return 200
        if self.answer_type is None:
            return 204
        return 201 if self.method == "POST" else 200

    @property
    def has_body(self) -> bool:
        """Whether it takes one."""
        return bool(self.body_type.__struct_fields__)


class Door:
    """Lets calls through that may be made, and answers them."""

    def __init__(self, clients: GateClients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock

    async def answer(self, operation: Operation[Any, Any, Any], request: Request) -> Response:
        """Answer a call.

        Raises `RefusalError` 401, 403, 404, 413, 415, `ContractError` and `StoreUnavailableError`.
        """
        client = await self._clients.authenticate(
            request.headers.get("authorization"), *operation.scopes
        )
        _check_bounds(client, operation)
        call = Call(
            client,
            _path(request, operation.path_type),
            _query(request, operation.query_type),
            await _body(request, operation),
            self._clock(),
            _if_match(request, operation),
        )
        answer = await operation.work(call)
        if answer is None:
            return Response(status_code=operation.status, headers=_NOT_KEPT)
        body = msgspec.json.encode(answer)
        if operation.method == "GET":
            return cacheable(request, body)
        headers = _NOT_KEPT | ({"ETag": tag_of(body)} if operation.needs_match else {})
        return Response(body, operation.status, headers, "application/json")


def cacheable(request: Request, body: bytes, caching: str = "private, no-cache") -> Response:
    """Return JSON with its entity tag, or 304 to whoever has it (RFC 9110, section 13.1.2)."""
    tag = tag_of(body)
    headers = {"Cache-Control": caching, "ETag": tag}
    known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or tag in (each.removeprefix("W/") for each in known):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def tag_of(body: bytes) -> str:
    """Return the entity tag of an answer."""
    return f'"{digest(body)[:32]}"'


def not_found(what: str) -> RefusalError:
    """Return the refusal for what is not there, or not there for this caller."""
    return RefusalError(404, "not_found", f"There is no such {what}.")


def _check_bounds(client: GateClient, operation: Operation[Any, Any, Any]) -> None:
    if client.people is not None or client.applications is not None:
        raise RefusalError(
            403, "confined", "A caller confined to people or applications may not use this."
        )
    if operation.of_everyone and client.groups is not None:
        raise RefusalError(
            403, "confined", "This is about every group; the caller is confined to some."
        )


def _if_match(request: Request, operation: Operation[Any, Any, Any]) -> str:
    given = request.headers.get("if-match", "")
    if operation.needs_match and not given:
        # RFC 6585, section 3: so that nobody undoes by accident what another has just changed.
        raise RefusalError(
            428, "if_match_needed", "Send in If-Match the ETag of what you want to change."
        )
    return given


def _path(request: Request, kind: type[P]) -> P:
    try:
        return msgspec.convert(request.path_params, kind, strict=False)
    except msgspec.ValidationError:
        raise not_found("thing") from None


def _query(request: Request, kind: type[Q]) -> Q:
    given = request.query_params.multi_items()
    values = dict(given)
    if len(values) < len(given):
        raise ContractError("", "a parameter is given more than once")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise wrong_field(error) from None


async def _body(request: Request, operation: Operation[Any, Any, B]) -> B:
    if not operation.has_body:
        return operation.body_type()
    body = await read_body(request, limit=operation.max_body, content_type="application/json")
    try:
        return msgspec.json.decode(body, type=operation.body_type)
    except msgspec.ValidationError as error:
        raise wrong_field(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ContractError("", "not JSON, or nested too deeply") from None
