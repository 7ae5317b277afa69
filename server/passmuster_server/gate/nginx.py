"""The door for nginx's `auth_request`: a status that it understands, the rest in headers.

204 lets in and 403 keeps out. Everything else (401 and 400 of a misconfigured nginx, 503 of ours)
is to end in nginx's own error, never in an open door: docs/sso/nginx.md.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.gate import forwarded, words
from passmuster_server.gate.clients import GateClients
from passmuster_server.gate.decision import Proof, Question
from passmuster_server.gate.service import GateService

PATH = "/gate/nginx"

SUBJECT = "X-Passmuster-Subject"
APPLICATION = "X-Passmuster-Application"
DEVICE = "X-Passmuster-Device"
DECISION = "X-Passmuster-Decision"
REASON = "X-Passmuster-Reason"

MAX_REASON = 1_024
"""nginx's default buffer for a response's head is one memory page; this leaves most of it free."""


class NginxGate:
    """`GET /gate/nginx`."""

    def __init__(self, clients: GateClients, service: GateService) -> None:
        self._clients = clients
        self._service = service

    async def answer(self, request: Request) -> Response:
        """Return 204 or 403 with the decision's id and the worker's reason.

        Raises `RefusalError` 401 for the caller, `ContractError` naming a header that is wrong, and
        `StoreUnavailableError`.
        """
        client = await self._clients.authenticate(request.headers.get("authorization"))
        answer = self._service.ask_once(client, _question(request, client.organisation))
        decision = answer.decision
        kept = forwarded.caching(request) if decision.allowed else "no-store"
        headers = {DECISION: answer.decision_id, "Cache-Control": kept}
        reason = words.for_worker(decision)
        if reason:
            headers[REASON] = _encoded(reason)
        return Response(status_code=204 if decision.allowed else 403, headers=headers)


def _question(request: Request, organisation: str) -> Question:
    device = forwarded.header(request, DEVICE, longest=64)
    return Question(
        organisation,
        forwarded.required(request, SUBJECT, longest=254),
        forwarded.required(request, APPLICATION, longest=128),
        device or None,
        Proof.CALLER if device else Proof.PERSON,
    )


def _encoded(reason: str) -> str:
    # Percent-encoding leaves no character that could end the header or start another one.
    encoded = quote(reason, safe=" .,:;!?()'")
    if len(encoded) <= MAX_REASON:
        return encoded
    cut = encoded[:MAX_REASON]
    # No cut inside an escape, nor inside a character that takes several of them.
    while len(cut) > MAX_REASON - 12 and not cut.endswith(" "):
        cut = cut[:-1]
    return cut.rsplit(" ", 1)[0] + " ..."
