"""`/oidc/step/{login}`: where the browser waits until its laptop passes, or the person gives up."""

from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.gate.blocked import HEADERS_OF_A_WAY, troubles_of
from passmuster_server.gate.decision import Decision
from passmuster_server.gate.oidc import logins
from passmuster_server.gate.oidc.answers import Answers
from passmuster_server.gate.oidc.discovery import STEP_PATH
from passmuster_server.gate.oidc.logins import Login
from passmuster_server.gate.oidc.parameters import AuthorizationError
from passmuster_server.gate.oidc.verdicts import Judged, Verdicts
from passmuster_server.proof.service import Proofs
from passmuster_server.web.problems import RefusalError
from passmuster_server.web.worker_pages import WorkerPages, language_for

MAX_LOGIN = 64
NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
HEADERS = {**NO_STORE, **HEADERS_OF_A_WAY}


class Step:
    """The pages of a login under way."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        proofs: Proofs,
        verdicts: Verdicts,
        answers: Answers,
        *,
        whys: Mapping[str, str],
        public_url: str,
        contact: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._proofs = proofs
        self._verdicts = verdicts
        self._answers = answers
        self._whys = whys
        folder = Path(__file__).parents[1] / "templates"
        self._pages = WorkerPages(folder, public_url=public_url, contact=contact)

    async def page(self, request: Request) -> Response:
        """Go on with the login, ask for a proof, or show what is in the way."""
        login = await self._found(request)
        if login is None:
            return self._over(request)
        session = self._proofs.browsers.session(request)
        if not session:
            # Tied to another browser, or this one keeps no cookies.
            kept = login.session is not None or "kept" in request.query_params
            return self._over(request) if kept else self._started(login)
        if login.session != session and not await self._tied(login, session):
            return self._over(request)
        try:
            return await self._gone_on(request, login)
        except AuthorizationError as error:
            return self._answers.refusal(login.request.way, error)
        except (StoreUnavailableError, RefusalError):
            return self._answers.refusal(
                login.request.way, AuthorizationError("temporarily_unavailable", "try again soon")
            )

    async def ready(self, request: Request) -> Response:
        """Tell the page whether the login would go on now."""
        login = await self._own(request)
        if login is None:
            return JSONResponse({"ready": True}, 404, headers=NO_STORE)
        proven = await self._verdicts.proven(request, login)
        allowed = self._verdicts.look(login, proven).allowed
        return JSONResponse({"ready": allowed}, headers=NO_STORE)

    async def leave(self, request: Request) -> Response:
        """Give up: the relying party is told `access_denied`."""
        login, now = await self._own(request), self._clock()
        if login is None:
            return self._over(request)
        name = login.login
        ended = await self._database.write(
            lambda transaction: logins.end(transaction.connection, name, now)
        )
        if not ended:
            return self._over(request)
        error = AuthorizationError("access_denied", "the laptop does not pass, and the person left")
        return self._answers.refusal(login.request.way, error)

    async def _gone_on(self, request: Request, login: Login) -> Response:
        proven = await self._verdicts.proven(request, login)
        again = "again" in request.query_params
        if proven is None and self._verdicts.needs_proof(login):
            if login.proof_asked_at is None or again:
                return await self._sent_to_prove(request, login)
        elif proven is not None and again and not self._verdicts.look(login, proven).allowed:
            # A proof comes with a fresh report, which is what the person hopes for.
            return await self._sent_to_prove(request, login)
        now = self._verdicts.look(login, proven)
        if login.decision is not None and not now.allowed:
            return self._blocked(request, login, now, login.decision)
        judged = self._verdicts.judge(login, proven)
        if judged.decision.allowed:
            return self._answers.answer(
                login.request.way, await self._verdicts.values(login, judged)
            )
        return await self._denied(request, login, judged)

    async def _denied(self, request: Request, login: Login, judged: Judged) -> Response:
        await self._database.write(
            lambda transaction: logins.note(
                transaction.connection, login.login, decision_id=judged.decision_id
            )
        )
        return self._blocked(request, login, judged.decision, judged.decision_id)

    async def _sent_to_prove(self, request: Request, login: Login) -> Response:
        now = self._clock()
        await self._database.write(
            lambda transaction: logins.note(transaction.connection, login.login, proof_asked_at=now)
        )
        return await self._proofs.begin(
            request,
            login.client.organisation,
            person=login.person or None,
            application=login.client.name,
            back=STEP_PATH + login.login,
        )

    def _started(self, login: Login) -> Response:
        """Give the browser a session; a browser that keeps none comes back without and is told."""
        response = RedirectResponse(STEP_PATH + login.login + "?kept", 303, headers=NO_STORE)
        self._proofs.browsers.start(response)
        return response

    def _blocked(
        self, request: Request, login: Login, decision: Decision, reference: str
    ) -> Response:
        path = STEP_PATH + login.login
        return self._pages.response(
            request,
            "blocked.html",
            headers=HEADERS,
            application=login.client.name,
            reference=reference,
            now=self._clock(),
            allowed=False,
            devices=troubles_of(decision, self._whys, language_for(request)),
            again=f"{path}?again",
            ready=f"{path}/ready",
            leave=f"{path}/leave",
        )

    def _over(self, request: Request) -> Response:
        return self._pages.response(request, "step_over.html", status=404, headers=HEADERS)

    async def _found(self, request: Request) -> Login | None:
        name, now = request.path_params["login"], self._clock()
        if len(name) > MAX_LOGIN:
            return None
        return await self._database.read(lambda connection: logins.find(connection, name, now))

    async def _own(self, request: Request) -> Login | None:
        """Return the login if it is this browser's."""
        login = await self._found(request)
        session = self._proofs.browsers.session(request)
        return login if login is not None and session and login.session == session else None

    async def _tied(self, login: Login, session: str) -> bool:
        return await self._database.write(
            lambda transaction: logins.tie(transaction.connection, login.login, session)
        )
