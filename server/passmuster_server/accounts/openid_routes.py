"""Signing in to the console, and proving it again, by the organisation's own sign-in."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_server.accounts import credentials, sessions
from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.openid_accounts import NoAccountError, find_account, take_in
from passmuster_server.accounts.own_account import note
from passmuster_server.accounts.proofs import Proofs
from passmuster_server.accounts.sessions import SESSION_LIFETIME, Method, Session
from passmuster_server.accounts.sign_in_form import SignInForm
from passmuster_server.audit.actions import Action
from passmuster_server.database import Transaction
from passmuster_server.openid.arrivals import Arrival, Arrivals
from passmuster_server.openid.login import ARRIVALS, Purpose
from passmuster_server.openid.relying_party import LoginError, RelyingParty
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD, form_token, own_path, read_form
from passmuster_server.web.pages import HEADERS, Pages
from passmuster_server.web.problems import RefusalError

FLEET = "/fleet"
ARRIVED = ARRIVALS[Purpose.SIGN_IN]
NO_SECOND_FACTOR = (
    "Your organisation's sign-in asked you for no second factor, or did not say so, and your "
    "account here has none of its own. Whoever runs this server can help."
)
NOT_AGAIN = (
    "Your organisation's sign-in did not ask you again who you are, or did not say so. Sign in by "
    "a new link to make changes."
)


class OpenIdPages:
    """The pages. `party` leads to the organisation's sign-in."""

    def __init__(self, services: Services, party: RelyingParty) -> None:
        config = services.config
        self._party = party
        self._database = services.database
        self._clock = services.clock
        self._public_url = config.public_url
        self._cookies = Cookies(config.public_url)
        self._form = SignInForm(config.public_url, openid=True)
        self._guard = Guard(services.database, services.clock, config.public_url)
        self._proofs = Proofs(services.database, services.clock)
        self._arrivals = Arrivals(services.signing, services.clock, config.public_url)
        self._pages = Pages(Path(__file__).parent / "templates")

    async def begin(self, request: Request) -> Response:
        """Lead to the organisation's sign-in."""
        try:
            return await self._party.lead(
                Purpose.SIGN_IN, FLEET, max_age_s=int(SESSION_LIFETIME.total_seconds())
            )
        except LoginError as error:
            return self._form.response(request, status=503, problem=str(error))

    async def begin_proof(self, request: Request, session: Session) -> Response:
        """Lead there to be asked again who one is, whatever the sign-in remembers."""
        back = own_path(request.query_params.get("back", FLEET))
        try:
            return await self._party.lead(Purpose.PROVE, back, max_age_s=0, again=True)
        except LoginError as error:
            return await self._guard.proof_needed(request, session, back, problem=str(error))

    async def arrive(self, request: Request) -> Response:
        """Let in whoever has come from there with a second factor; ask the others for a code."""
        arrival = await self._arrivals.of(request, Purpose.SIGN_IN, Purpose.PROVE)
        if arrival is None:
            return RedirectResponse("/sign-in", 303, headers=dict(HEADERS))
        try:
            account = await self._database.read(
                lambda connection: find_account(connection, DEFAULT_ORGANISATION, arrival)
            )
        except NoAccountError as error:
            return self._refused(request, str(error))
        if arrival.second_factor:
            return await self._let_in(request, arrival)
        if account.is_new:
            return self._refused(request, NO_SECOND_FACTOR)
        has_step = await self._database.read(
            lambda connection: credentials.has_password(
                connection, DEFAULT_ORGANISATION, account.email
            )
        )
        if has_step:
            return self._ask_code(arrival)
        return self._refused(request, NO_SECOND_FACTOR)

    async def second_step(self, request: Request) -> Response:
        """Let in whoever brings a code of the account's own second step."""
        arrival = await self._arrivals.of(request, Purpose.SIGN_IN, Purpose.PROVE)
        if arrival is None:
            return RedirectResponse("/sign-in", 303, headers=dict(HEADERS))
        fields = await read_form(request, secret=arrival.token, public_url=self._public_url)
        try:
            account = await self._database.read(
                lambda connection: find_account(connection, DEFAULT_ORGANISATION, arrival)
            )
            right = await self._proofs.second_step(
                account.email, arrival.identity, fields.get("code", "")[:64]
            )
        except NoAccountError as error:
            return self._refused(request, str(error))
        except RefusalError as error:
            return self._ask_code(arrival, status=429, problem=error.problem.detail)
        if not right:
            return self._ask_code(arrival, status=403, problem="The code is not right.")
        return await self._let_in(request, arrival)

    async def _let_in(self, request: Request, arrival: Arrival) -> Response:
        try:
            if arrival.purpose is Purpose.PROVE:
                return await self._prove(request, arrival)
            return await self._sign_in(request, arrival)
        except NoAccountError as error:
            return self._refused(request, str(error))

    async def _sign_in(self, request: Request, arrival: Arrival) -> Response:
        before, now = self._cookies.session(request), self._clock()

        def start(transaction: Transaction) -> str:
            account = find_account(transaction.connection, DEFAULT_ORGANISATION, arrival)
            take_in(transaction, DEFAULT_ORGANISATION, account, arrival, now)
            sessions.sign_out(transaction, before)
            note(transaction, account.email, Action.SIGNED_IN, now, method=Method.OPENID.value)
            return sessions.start_session(
                transaction,
                DEFAULT_ORGANISATION,
                account.email,
                Method.OPENID,
                now,
                min(arrival.logged_in_at, now),
            )

        token = await self._database.write(start)
        response = RedirectResponse(own_path(arrival.back), 303, headers=dict(HEADERS))
        self._arrivals.forget(response)
        self._cookies.start_session(response, token)
        return response

    async def _prove(self, request: Request, arrival: Arrival) -> Response:
        session = await self._guard.session(request)
        if session is None:
            return self._guard.sign_in_needed(request)
        now = self._clock()

        def prove(transaction: Transaction) -> bool:
            account = find_account(transaction.connection, DEFAULT_ORGANISATION, arrival)
            if account.email != session.email or account.bind:
                return False
            take_in(transaction, DEFAULT_ORGANISATION, account, arrival, now)
            sessions.prove_again(transaction, session, min(arrival.logged_in_at, now))
            return True

        back = own_path(arrival.back)
        if now - arrival.logged_in_at >= sessions.FRESH_FOR:
            return await self._guard.proof_needed(request, session, back, problem=NOT_AGAIN)
        if not await self._database.write(prove):
            problem = "It was another person who logged in just now."
            return await self._guard.proof_needed(request, session, back, problem=problem)
        response = RedirectResponse(back, 303, headers=dict(HEADERS))
        self._arrivals.forget(response)
        return response

    def _refused(self, request: Request, problem: str) -> Response:
        response = self._form.response(request, status=403, problem=problem)
        self._arrivals.forget(response)
        return response

    def _ask_code(self, arrival: Arrival, *, status: int = 200, problem: str = "") -> Response:
        return self._pages.response(
            "second_step.html",
            status=status,
            problem=problem,
            token_field=TOKEN_FIELD,
            token=form_token(arrival.token),
        )


def routes(services: Services) -> list[Route]:
    """Return the routes, where the organisation has a sign-in of its own."""
    if services.openid is None:
        return []
    pages = OpenIdPages(services, services.openid)
    guard = Guard(services.database, services.clock, services.config.public_url)
    prove = guard.protect(pages.begin_proof, minds_groups=True)
    return [
        Route("/sign-in/openid", pages.begin, methods=["GET"]),
        Route("/prove/openid", prove, methods=["GET"]),
        Route(ARRIVED, pages.arrive, methods=["GET"]),
        Route("/sign-in/openid/code", pages.second_step, methods=["POST"]),
    ]
