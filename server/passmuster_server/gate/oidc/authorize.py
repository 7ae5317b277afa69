"""`GET` and `POST /oidc/authorize`: takes a request in and sends the browser on its way."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices.limits import AddressLimit, requester
from passmuster_server.gate.oidc import logins
from passmuster_server.gate.oidc.answers import Answers
from passmuster_server.gate.oidc.clients import Client, find_client
from passmuster_server.gate.oidc.discovery import STEP_PATH
from passmuster_server.gate.oidc.parameters import (
    MAX_QUERY,
    AuthorizationError,
    AuthorizationRequest,
    UntrustedRequestError,
    read_parameters,
    read_request,
    read_way,
)
from passmuster_server.gate.oidc.people import People, Person
from passmuster_server.gate.oidc.verdicts import Verdicts
from passmuster_server.web.bodies import read_body
from passmuster_server.web.pages import Pages
from passmuster_server.web.problems import RefusalError

BEGINS, WITHIN_S = 300, 60.0
"""Of one address: a whole office may share one."""


class Authorize:
    """The authorization endpoint (section 3.1.2)."""

    def __init__(
        self, database: Database, clock: Clock, people: People, verdicts: Verdicts, answers: Answers
    ) -> None:
        self._database = database
        self._clock = clock
        self._people = people
        self._verdicts = verdicts
        self._answers = answers
        self._begins = AddressLimit(BEGINS, WITHIN_S)
        self._pages = Pages(Path(__file__).parent / "templates")

    async def answer(self, request: Request) -> Response:
        """Return the redirect to the step, an error for the relying party, or a page.

        The page is for requests that name no known client and no address of its own: nobody is
        sent to an address that was not registered (RFC 6749, section 4.1.2.1).
        """
        try:
            parameters = read_parameters(await _encoded(request))
            client = await self._client(parameters.get("client_id", ""))
            way = read_way(parameters, client)
        except UntrustedRequestError as error:
            return self._pages.response("refused.html", status=400, detail=str(error))
        try:
            asked = read_request(parameters, client, way)
            # A hint may make us ask its issuer for keys: whoever sends many is counted before that.
            self._count(request)
            person = await self._people.named(client, asked)
            if asked.prompt == "none":
                return await self._at_once(request, client, asked, person)
            return await self._begun(client, asked, person)
        except AuthorizationError as error:
            return self._answers.refusal(way, error)
        except (StoreUnavailableError, RefusalError):
            return self._answers.refusal(
                way, AuthorizationError("temporarily_unavailable", "try again soon")
            )

    def _count(self, request: Request) -> None:
        address = requester(request)
        if self._begins.wait_s(address) > 0:
            raise AuthorizationError("temporarily_unavailable", "too many logins from this address")
        self._begins.count(address)

    async def _client(self, client_id: str) -> Client:
        client = await self._database.read(lambda connection: find_client(connection, client_id))
        if client is None:
            raise UntrustedRequestError("The client_id is not known here.")
        return client

    async def _begun(self, client: Client, asked: AuthorizationRequest, person: Person) -> Response:
        now = self._clock()
        login = await self._database.write(
            lambda transaction: logins.begin(transaction.connection, client, asked, person, now)
        )
        return RedirectResponse(STEP_PATH + login, 303, headers={"Cache-Control": "no-store"})

    async def _at_once(
        self, request: Request, client: Client, asked: AuthorizationRequest, person: Person
    ) -> Response:
        """Answer without a page in between: `prompt=none`."""
        login = logins.Login.at_once(client, asked, person, self._clock())
        proven = await self._verdicts.proven(request, login)
        if proven is None and self._verdicts.needs_proof(login):
            code = "interaction_required" if person.address else "login_required"
            raise AuthorizationError(code, "the laptop has to prove itself first")
        judged = self._verdicts.judge(login, proven)
        if not judged.decision.allowed:
            raise AuthorizationError("interaction_required", "something has to be put right first")
        values = await self._verdicts.values(login, judged)
        return self._answers.answer(asked.way, values)


async def _encoded(request: Request) -> bytes:
    if request.method == "GET":
        return bytes(request.scope["query_string"])
    try:
        return await read_body(
            request, limit=MAX_QUERY, content_type="application/x-www-form-urlencoded"
        )
    except RefusalError as error:
        raise UntrustedRequestError(error.problem.detail) from None
