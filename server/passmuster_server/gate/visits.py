"""A browser between an application and its proof, on Passmuster's own host."""

import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.gate.blocked import BlockedPage, WayOn
from passmuster_server.gate.callers import GateClient
from passmuster_server.gate.clients import GateClients
from passmuster_server.gate.decision import Proof, Question
from passmuster_server.gate.forward import RETURN, START, Beginning, ForwardAuth
from passmuster_server.gate.service import GateService
from passmuster_server.gate.sessions import (
    COOKIE_LIFETIME,
    SESSION_LIFETIME,
    GateSessions,
    Session,
    open_session,
)
from passmuster_server.proof.service import Proofs, Proven
from passmuster_server.web.problems import RefusalError

FINISH = "/gate/finish"
READY = "/gate/ready"
BREAK_GLASS = "/gate/break-glass"
PROOF_WITHIN = timedelta(hours=1)
"""How long a browser that proved its laptop may open applications by that."""

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class GateVisits:
    """`GET /gate/start`, `/gate/finish` and `/gate/ready`."""

    def __init__(
        self,
        database: Database,
        forward: ForwardAuth,
        clients: GateClients,
        service: GateService,
        sessions: GateSessions,
        proofs: Proofs,
        blocked: BlockedPage,
        clock: Clock,
    ) -> None:
        self._database = database
        self._forward = forward
        self._clients = clients
        self._service = service
        self._sessions = sessions
        self._proofs = proofs
        self._blocked = blocked
        self._clock = clock

    async def start(self, request: Request) -> Response:
        """Send the browser on at once where it has proven its laptop lately, else to the proof."""
        try:
            token, begun, client = await self.begun(request)
        except RefusalError:
            return self._blocked.again(request, "")
        finish = f"{FINISH}?{urlencode({'r': token})}"
        proven = await self._proven(request, client)
        if proven is not None and proven.proof is not Proof.ELSEWHERE:
            return RedirectResponse(finish, 303, headers=NO_STORE)
        return await self._proofs.begin(
            request,
            client.organisation,
            person=begun.sub,
            application=begun.app,
            back=finish,
        )

    async def finish(self, request: Request) -> Response:
        """Decide; send the browser back to its application, or show what is in the way."""
        try:
            token, begun, client = await self.begun(request)
        except RefusalError:
            return self._blocked.again(request, "")
        # By this the session begins: a laptop that falls out from here on closes it.
        since = self._clock()
        proven = await self._proven(request, client)
        question = _question(client, begun, proven)
        answer = self._service.ask_once(client, question)
        if not answer.decision.allowed:
            start = f"{START}?{urlencode({'r': token})}"
            ready = f"{READY}?{urlencode({'r': token})}"
            code = f"{BREAK_GLASS}?{urlencode({'r': token})}"
            way = WayOn(again=start, ready=ready, break_glass=code)
            return await self._blocked.show(request, answer.decision_id, way)
        back = await self._database.write(
            lambda transaction: self.let_in(
                transaction, client, begun, question, SESSION_LIFETIME, since
            )
        )
        return RedirectResponse(back, 303, headers=NO_STORE)

    async def ready(self, request: Request) -> Response:
        """Tell the page whether the browser would be let in now; what is over is no reason to wait.

        It is no answer of the gate: none is put on record.
        """
        try:
            _, begun, client = await self.begun(request)
        except RefusalError:
            return JSONResponse({"ready": True}, 404, headers=NO_STORE)
        # A laptop that has fallen out since is proven anew on the way that the page goes then.
        proven = await self._proofs.find(request, client.organisation, within=PROOF_WITHIN)
        decision = self._service.look_again(_question(client, begun, proven))
        return JSONResponse({"ready": decision.allowed}, headers=NO_STORE)

    def let_in(
        self,
        transaction: Transaction,
        client: GateClient,
        begun: Beginning,
        question: Question,
        lasts: timedelta,
        since: datetime,
    ) -> str:
        """Open a session for a question that was allowed; return where the browser gets it.

        Whatever its laptop has fallen out by after `since` closes it.
        """
        session = Session(
            client.organisation,
            secrets.token_hex(16),
            client.client,
            question.person,
            begun.app,
            begun.host,
            question.device,
            question.proof,
            "",
            since,
            since + COOKIE_LIFETIME,
            since + lasts,
        )
        ticket = open_session(transaction, session, begun.path, begun.nonce)
        return f"{begun.scheme}://{begun.host}{RETURN}?{urlencode({'ticket': ticket})}"

    async def begun(self, request: Request) -> tuple[str, Beginning, GateClient]:
        """Return what the browser brings, and its proxy. Raises `RefusalError` 403."""
        token = request.query_params.get("r", "")
        begun = await self._forward.beginning(token)
        client = await self._clients.known(begun.cli)
        if begun.host not in client.hosts:
            raise RefusalError(403, "unknown_host", "The caller does not stand there any more.")
        return token, begun, client

    async def _proven(self, request: Request, client: GateClient) -> Proven | None:
        """Return what the browser proved, unless its laptop has fallen out since."""
        proven = await self._proofs.find(request, client.organisation, within=PROOF_WITHIN)
        if proven is None:
            return None
        fell_out = self._sessions.fell_out_at(client.organisation, proven.device)
        return proven if fell_out is None or proven.at > fell_out else None


def _question(client: GateClient, begun: Beginning, proven: Proven | None) -> Question:
    """Return what is asked: about the proven laptop, and of the person that signed in, if known."""
    if proven is not None:
        person = begun.sub or proven.owner
        return Question(client.organisation, person, begun.app, proven.device, proven.proof)
    if begun.sub is None:
        return Question(client.organisation, "", begun.app, None, Proof.NONE)
    return Question(client.organisation, begun.sub, begun.app, None, Proof.PERSON)
