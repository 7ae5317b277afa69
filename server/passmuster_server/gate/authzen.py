"""OpenID AuthZEN Authorization API 1.0 (final, January 2026): access evaluation and metadata.

Section numbers in this module are that specification's.
"""

import re
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from passmuster_collectors.contract.codec import format_time
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.database import StoreUnavailableError
from passmuster_server.gate import words
from passmuster_server.gate.clients import GateClient, GateClients
from passmuster_server.gate.decision import Proof, Question
from passmuster_server.gate.service import Answer, GateService
from passmuster_server.web.problems import (
    RefusalError,
    on_contract_error,
    on_refusal,
    on_store_unavailable,
)

EVALUATION_PATH = "/access/v1/evaluation"
METADATA_PATH = "/.well-known/authzen-configuration"
BLOCKED_PATH = "/gate/blocked/"

MAX_BODY = 16 * 1024
MAX_REQUEST_ID = 256

Type = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Properties(msgspec.Struct):
    """The part of a subject's properties that counts here; others are ignored (section 5.1)."""

    device_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class Subject(msgspec.Struct):
    """Section 5.1."""

    type: Type
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    properties: Properties | None = None


class Action(msgspec.Struct):
    """Section 5.3. Posture is the same for every action."""

    name: Type


class Resource(msgspec.Struct):
    """Section 5.2. `id` is the application."""

    type: Type
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Evaluation(msgspec.Struct):
    """Section 6.1. Unknown members are ignored."""

    subject: Subject
    action: Action
    resource: Resource
    context: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(Evaluation)
_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r" - at `\$\.?([\w.\[\]]*)`$")


def parse_question(body: bytes, organisation: str) -> Question:
    """Return the question in an access evaluation request; `ContractError` names the field."""
    try:
        asked = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ContractError("", "not JSON, or nested too deeply") from None
    subject, application = asked.subject, asked.resource.id
    device = subject.properties.device_id if subject.properties is not None else None
    for field, text in (
        ("subject.id", subject.id),
        ("resource.id", application),
        ("subject.properties.device_id", device or ""),
    ):
        if not text.isprintable():
            raise ContractError(field, "holds characters that can't be printed")
    proof = Proof.PERSON if device is None else Proof.CALLER
    return Question(organisation, subject.id, application, device, proof, subject.type)


class AccessEvaluation:
    """`POST /access/v1/evaluation`: an ASGI application, because it is the busiest door."""

    def __init__(self, clients: GateClients, service: GateService, public_url: str) -> None:
        self._clients = clients
        self._service = service
        self._remedy_url = public_url + BLOCKED_PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; this is ASGI's signature."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = headers.get(b"x-request-id")
        echoed: list[tuple[bytes, bytes]] = []
        try:
            if request_id is not None:
                echoed.append((b"x-request-id", _checked_request_id(request_id)))
            authorization = headers.get(b"authorization", b"").decode("latin-1")
            client = await self._clients.authenticate(authorization)
            _check_content_type(headers.get(b"content-type", b""))
            body = await _read(receive)
            answer = self._answer(client, body)
        except (RefusalError, ContractError, StoreUnavailableError) as error:
            response = await _refusal(Request(scope), error)
            response.raw_headers.extend(echoed)
            await response(scope, receive, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(answer)).encode("ascii")),
                    (b"cache-control", b"no-store"),
                    *echoed,
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, client: GateClient, body: bytes) -> bytes:
        answer = self._service.ask(client, parse_question(body, client.organisation))
        return msgspec.json.encode(
            {
                "decision": answer.decision.allowed,
                "context": response_context(answer, self._remedy_url),
            }
        )


def response_context(answer: Answer, remedy_url: str) -> dict[str, Any]:
    """Return the context of a decision (section 5.5.1), reasons keyed by language."""
    decision = answer.decision
    until = decision.grace_until
    context: dict[str, Any] = {
        "id": answer.decision_id,
        "grace_until": None if until is None else format_time(until),
    }
    if not decision.allowed or until is not None:
        context["reason_user"] = {"en": words.for_worker(decision)}
        context["reason_admin"] = {"en": words.for_admin(decision)}
        context["remedy_url"] = remedy_url + answer.decision_id
    return context


def metadata(public_url: str) -> bytes:
    """Return the policy decision point's metadata document (section 9.1)."""
    return msgspec.json.encode(
        {
            "policy_decision_point": public_url,
            "access_evaluation_endpoint": public_url + EVALUATION_PATH,
        }
    )


async def _refusal(request: Request, error: Exception) -> Response:
    if isinstance(error, RefusalError):
        return await on_refusal(request, error)
    if isinstance(error, ContractError):
        return await on_contract_error(request, error)
    return await on_store_unavailable(request, error)


def _checked_request_id(value: bytes) -> bytes:
    if len(value) > MAX_REQUEST_ID or not all(0x20 <= byte < 0x7F for byte in value):
        raise ContractError("X-Request-ID", f"not at most {MAX_REQUEST_ID} printable characters")
    return value


def _check_content_type(value: bytes) -> None:
    # The certification scenario (C.2.4.3) asks for 400 where HTTP would have 415.
    if value.split(b";", 1)[0].strip().lower() != b"application/json":
        raise ContractError("Content-Type", "send application/json")


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ContractError("", "cut off")
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise RefusalError(413, "too_large", f"The body may have at most {MAX_BODY} bytes.")
        if not message.get("more_body", False):
            return bytes(body)


def _wrong_field(message: str) -> ContractError:
    place = _PLACE.search(message)
    field = place.group(1) if place else ""
    missing = _MISSING.search(message)
    if missing:
        return ContractError(".".join(filter(None, (field, missing.group(1)))), "missing")
    return ContractError(field, _PLACE.sub("", message).replace("`", ""))
