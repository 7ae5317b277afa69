"""OpenID AuthZEN Authorization API 1.0 (final, January 2026): evaluation, evaluations, metadata.

Section numbers in this module are that specification's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from passmuster_collectors.contract.codec import format_time
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.languages import chosen
from passmuster_server.database import StoreUnavailableError
from passmuster_server.doors import Client, Headers
from passmuster_server.gate import words
from passmuster_server.gate.authzen_messages import (
    Asked,
    Semantic,
    parse_question,
    parse_questions,
)
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.clients import GateClients
from passmuster_server.gate.service import Answer, GateService
from passmuster_server.web.problems import RefusalError, on_any_refusal

EVALUATION_PATH = "/access/v1/evaluation"
EVALUATIONS_PATH = "/access/v1/evaluations"
METADATA_PATH = "/.well-known/authzen-configuration"
BLOCKED_PATH = "/gate/blocked/"

MAX_BODY = 16 * 1024
MAX_BATCH = 256 * 1024
MAX_REQUEST_ID = 256

_HEAD = b"content-type: application/json\r\ncontent-length: %d\r\ncache-control: no-store\r\n"


class AccessEvaluation:
    """`POST /access/v1/evaluation`: an ASGI application, because it is the busiest door."""

    max_body = MAX_BODY

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
            body = await _read(receive, self.max_body)
            answer = self._answer(client, body, headers.get(b"accept-language", b""))
        except (RefusalError, ContractError, StoreUnavailableError) as error:
            response = await on_any_refusal(Request(scope), error)
            response.raw_headers.extend(echoed)
            await response(scope, receive, send)
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", b"%d" % len(answer)),
                    (b"cache-control", b"no-store"),
                    *echoed,
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    def waits_for_body(self, headers: Headers) -> bool:
        """Whether it is somebody's who may ask."""
        try:
            return self._asker(dict(headers)) is not None
        except (RefusalError, ContractError):
            return False

    def at_once(self, headers: Headers, body: bytes, _: Client) -> tuple[bytes, bytes] | None:
        """Answer one request whose caller is known; raises where `__call__` would refuse it."""
        given = dict(headers)
        client = self._asker(given)
        if client is None:
            return None
        answer = self._answer(client, body, given.get(b"accept-language", b""))
        request_id = given.get(b"x-request-id")
        head = _HEAD % len(answer)
        return (
            head if request_id is None else b"%bx-request-id: %b\r\n" % (head, request_id)
        ), answer

    def _asker(self, given: Mapping[bytes, bytes]) -> GateClient | None:
        """Return who asks, where that is known; raises where the head is wrong."""
        client = self._clients.at_once(given.get(b"authorization", b"").decode("latin-1"))
        if client is not None:
            if b"x-request-id" in given:
                _checked_request_id(given[b"x-request-id"])
            _check_content_type(given.get(b"content-type", b""))
        return client

    def _answer(self, client: GateClient, body: bytes, accepted: bytes) -> bytes:
        asked = parse_question(body, client.organisation)
        answer = self._service.ask(client, asked.question)
        if answer.decision.allowed and answer.decision.grace_until is None:
            # The usual answer, of which nothing but the id differs: base64url needs no escaping.
            return b'{"decision":true,"context":{"id":"%b","grace_until":null}}' % (
                answer.decision_id.encode("ascii")
            )
        return msgspec.json.encode(self._told(answer, asked, accepted))

    def _decided(self, client: GateClient, asked: Asked, accepted: bytes) -> dict[str, Any]:
        return self._told(self._service.ask(client, asked.question), asked, accepted)

    def _told(self, answer: Answer, asked: Asked, accepted: bytes) -> dict[str, Any]:
        return {
            "decision": answer.decision.allowed,
            "context": response_context(
                answer, self._remedy_url, lambda: asked.locale or accepted.decode("latin-1")
            ),
        }


class AccessEvaluations(AccessEvaluation):
    """`POST /access/v1/evaluations` (section 7): several questions, or one as above."""

    max_body = MAX_BATCH

    def _answer(self, client: GateClient, body: bytes, accepted: bytes) -> bytes:
        asked = parse_questions(body, client.organisation)
        if isinstance(asked, Asked):
            return msgspec.json.encode(self._decided(client, asked, accepted))
        answers: list[dict[str, Any]] = []
        for item in asked.items:
            answer = self._of_item(client, item, accepted)
            answers.append(answer)
            if asked.semantic is Semantic.DENY and not answer["decision"]:
                break
            if asked.semantic is Semantic.PERMIT and answer["decision"]:
                break
        return msgspec.json.encode({"evaluations": answers})

    def _of_item(
        self, client: GateClient, item: Asked | ContractError, accepted: bytes
    ) -> dict[str, Any]:
        if isinstance(item, ContractError):
            return _failed(400, f"{item.field}: {item.problem}" if item.field else item.problem)
        try:
            return self._decided(client, item, accepted)
        except RefusalError as error:
            return _failed(error.problem.status, f"{error.problem.field}: {error.problem.detail}")


def response_context(
    answer: Answer, remedy_url: str, preferences: Callable[[], str] = lambda: ""
) -> dict[str, Any]:
    """Return the context of a decision (section 5.5.1), reasons keyed by language.

    `preferences` is asked for the reader's languages where there is something to read.
    """
    decision = answer.decision
    until = decision.grace_until
    context: dict[str, Any] = {
        "id": answer.decision_id,
        "grace_until": None if until is None else format_time(until),
    }
    if not decision.allowed or until is not None:
        context["reason_user"] = {"en": words.for_worker(decision)}
        language = chosen(preferences())
        context["reason_user"][language.tag] = words.for_worker(decision, language)
        context["reason_admin"] = {"en": words.for_admin(decision)}
        context["remedy_url"] = remedy_url + answer.decision_id
    return context


def metadata(public_url: str) -> bytes:
    """Return the policy decision point's metadata document (section 9.1)."""
    return msgspec.json.encode(
        {
            "policy_decision_point": public_url,
            "access_evaluation_endpoint": public_url + EVALUATION_PATH,
            "access_evaluations_endpoint": public_url + EVALUATIONS_PATH,
        }
    )


def _failed(status: int, message: str) -> dict[str, Any]:
    # Section 7.2.1: a failure within one of several questions is a denial that says so.
    return {"decision": False, "context": {"error": {"status": status, "message": message}}}


def _checked_request_id(value: bytes) -> bytes:
    if len(value) > MAX_REQUEST_ID or not all(0x20 <= byte < 0x7F for byte in value):
        raise ContractError("X-Request-ID", f"not at most {MAX_REQUEST_ID} printable characters")
    return value


def _check_content_type(value: bytes) -> None:
    # The certification scenario (C.2.4.3) asks for 400 where HTTP would have 415.
    if value == b"application/json":
        return
    if value.split(b";", 1)[0].strip().lower() != b"application/json":
        raise ContractError("Content-Type", "send application/json")


async def _read(receive: Receive, limit: int) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ContractError("", "cut off")
        more: bytes = message.get("body", b"")
        body += more
        if len(body) > limit:
            raise RefusalError(413, "too_large", f"The body may have at most {limit} bytes.")
        if not message.get("more_body", False):
            return body
