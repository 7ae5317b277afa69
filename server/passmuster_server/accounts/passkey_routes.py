"""Signing in and proving it again by a passkey, and the passkeys of one's own account."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_server.accounts import passkeys, service, sessions
from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.own_account import note, require_own
from passmuster_server.accounts.passkey_challenges import (
    Answered,
    Challenges,
    Use,
    are_possible,
    named,
)
from passmuster_server.accounts.passkeys import PasskeyError
from passmuster_server.accounts.sessions import Method, Session
from passmuster_server.audit.actions import Action
from passmuster_server.database import Transaction
from passmuster_server.devices.limits import AddressLimit, requester
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD, form_token, own_path, read_form
from passmuster_server.web.pages import HEADERS, Pages
from passmuster_server.web.problems import RefusalError

ACCOUNT_PATH = "/account"
FLEET = "/fleet"
TRIES = 30
TRIES_WITHIN_S = 300.0
MAX_FORM = 32 * 1024


class PasskeyPages:
    """The pages."""

    def __init__(self, services: Services) -> None:
        public_url = services.config.public_url
        self._database = services.database
        self._clock = services.clock
        self._public_url = public_url
        self._cookies = Cookies(public_url)
        self._guard = Guard(services.database, services.clock, public_url)
        self._challenges = Challenges(services.signing, services.clock, public_url)
        self._wrong = AddressLimit(TRIES, TRIES_WITHIN_S)
        self._pages = Pages(Path(__file__).parent / "templates")

    async def ask(self, request: Request) -> Response:
        """Ask a visitor for a passkey."""
        return await self._ask(Use.SIGN_IN, self._cookies.visitor(request), FLEET)

    async def ask_again(self, request: Request, _: Session) -> Response:
        """Ask whoever is signed in for a passkey."""
        back = own_path(request.query_params.get("back", FLEET))
        return await self._ask(Use.PROVE, self._cookies.session(request), back)

    async def sign_in(self, request: Request) -> Response:
        """Start a session for a passkey that is right."""
        secret, address = self._cookies.visitor(request), requester(request)
        try:
            fields = await self._read(request, secret)
        except RefusalError as error:
            if error.problem.status != 403:
                raise
            return await self._ask(
                Use.SIGN_IN, secret, FLEET, status=403, problem=error.problem.detail
            )
        if self._wrong.wait_s(address) > 0:
            problem = "Too many tries. Wait a few minutes."
            return await self._ask(Use.SIGN_IN, secret, FLEET, status=429, problem=problem)
        before, now = self._cookies.session(request), self._clock()
        try:
            answered, kept, sign_count = await self._checked(secret, Use.SIGN_IN, fields)
        except PasskeyError as error:
            self._wrong.count(address)
            return await self._ask(Use.SIGN_IN, secret, FLEET, status=403, problem=str(error))

        def start(transaction: Transaction) -> str | None:
            if not service.is_enabled(
                transaction.connection, DEFAULT_ORGANISATION, kept.email
            ) or not passkeys.use_up(
                transaction, DEFAULT_ORGANISATION, kept, answered.given_at, sign_count, now
            ):
                return None
            sessions.sign_out(transaction, before)
            note(transaction, kept.email, Action.SIGNED_IN, now, method=Method.PASSKEY.value)
            return sessions.start_session(
                transaction, DEFAULT_ORGANISATION, kept.email, Method.PASSKEY, now
            )

        token = await self._database.write(start)
        if token is None:
            self._wrong.count(address)
            problem = "This account may no longer sign in, or the answer was used before."
            return await self._ask(Use.SIGN_IN, secret, FLEET, status=403, problem=problem)
        response = RedirectResponse(FLEET, 303, headers=dict(HEADERS))
        self._cookies.start_session(response, token)
        return response

    async def prove(self, request: Request, session: Session) -> Response:
        """Take a passkey of whoever is signed in, and lead back to where the change is made."""
        secret, now = self._cookies.session(request), self._clock()
        fields = await self._read(request, secret)
        back = own_path(fields.get("back", ""))
        try:
            answered, kept, sign_count = await self._checked(
                secret, Use.PROVE, fields, session.email
            )
        except PasskeyError as error:
            return await self._ask(Use.PROVE, secret, back, status=403, problem=str(error))

        def work(transaction: Transaction) -> bool:
            if not passkeys.use_up(
                transaction, DEFAULT_ORGANISATION, kept, answered.given_at, sign_count, now
            ):
                return False
            sessions.prove_again(transaction, session, now)
            return True

        if not await self._database.write(work):
            problem = "The answer was used before."
            return await self._ask(Use.PROVE, secret, back, status=403, problem=problem)
        return RedirectResponse(back, 303, headers=dict(HEADERS))

    async def show_add(self, request: Request, session: Session) -> Response:
        """Show where a passkey is added, to whoever has lately proven who they are."""
        return await self._show_add(request, session)

    async def add(self, request: Request, session: Session) -> Response:
        """Keep a new passkey."""
        secret, now = self._cookies.session(request), self._clock()
        fields = await self._read(request, secret)
        if not session.is_fresh(now):
            return await self._guard.proof_needed(request, session, ACCOUNT_PATH)
        require_own(session)
        try:
            name = passkeys.shown_name(fields.get("name", ""))
            answered = await self._challenges.answered(secret, Use.ADD, fields.get("challenge", ""))
            made = self._challenges.verified(answered, fields.get("credential", ""))

            def keep(transaction: Transaction) -> None:
                passkeys.add(transaction, session.organisation, session.email, name, made, now)
                note(transaction, session.email, Action.CREDENTIALS_CHANGED, now, passkey="added")

            await self._database.write(keep)
        except PasskeyError as error:
            return await self._show_add(request, session, status=400, problem=str(error))
        return RedirectResponse(ACCOUNT_PATH, 303, headers=dict(HEADERS))

    async def remove(self, request: Request, session: Session) -> Response:
        """Forget a passkey."""
        fields = await self._read(request, self._cookies.session(request))
        now = self._clock()
        if not session.is_fresh(now):
            return await self._guard.proof_needed(request, session, ACCOUNT_PATH)

        def work(transaction: Transaction) -> None:
            which = fields.get("passkey", "")
            if passkeys.remove(transaction, session.organisation, session.email, which):
                note(transaction, session.email, Action.CREDENTIALS_CHANGED, now, passkey="removed")

        await self._database.write(work)
        return RedirectResponse(ACCOUNT_PATH, 303, headers=dict(HEADERS))

    async def _checked(
        self, secret: str, use: Use, fields: Mapping[str, str], email: str | None = None
    ) -> tuple[Answered, Any, int]:
        """Return the challenge, the passkey that answered it, and its count.

        `email` is whose it has to be; None: anybody's. Raises `PasskeyError`.
        """
        credential = fields.get("credential", "")
        answered = await self._challenges.answered(secret, use, fields.get("challenge", ""))
        kept = await self._database.read(
            lambda connection: passkeys.find(
                connection, DEFAULT_ORGANISATION, named(credential), email
            )
        )
        return answered, kept, self._challenges.check(answered, credential, kept)

    async def _ask(
        self,
        use: Use,
        secret: str,
        back: str,
        *,
        status: int = 200,
        problem: str = "",
    ) -> Response:
        visit = Response()
        secret = secret or self._cookies.start_visit(visit)
        challenge = await self._challenges.to_use(secret, use)
        page = self._pages.response(
            "passkey.html",
            status=status,
            problem=problem,
            action="/sign-in/passkey" if use is Use.SIGN_IN else "/prove/passkey",
            other="/sign-in" if use is Use.SIGN_IN else ACCOUNT_PATH,
            back=back,
            challenge=challenge,
            token_field=TOKEN_FIELD,
            token=form_token(secret),
        )
        page.raw_headers.extend(
            (name, value) for name, value in visit.raw_headers if name == b"set-cookie"
        )
        return page

    async def _show_add(
        self, request: Request, session: Session, *, status: int = 200, problem: str = ""
    ) -> Response:
        if not session.is_fresh(self._clock()):
            return await self._guard.proof_needed(request, session, "/account/passkey")
        require_own(session)
        kept = await self._database.read(
            lambda connection: passkeys.passkeys_of(connection, session.organisation, session.email)
        )
        secret = self._cookies.session(request)
        return self._pages.response(
            "add_passkey.html",
            status=status,
            here="account",
            email=session.email,
            problem=problem,
            challenge=await self._challenges.to_add(secret, session.email, kept),
            longest=passkeys.LONGEST_NAME,
            token_field=TOKEN_FIELD,
            token=form_token(secret),
        )

    async def _read(self, request: Request, secret: str) -> Mapping[str, str]:
        return await read_form(request, secret=secret, public_url=self._public_url, limit=MAX_FORM)


def routes(services: Services) -> list[Route]:
    """Return the routes, where browsers keep passkeys for this server."""
    if not are_possible(services.config.public_url):
        return []
    pages = PasskeyPages(services)
    guard = Guard(services.database, services.clock, services.config.public_url)
    own = (
        ("/prove/passkey", pages.ask_again, "GET"),
        ("/prove/passkey", pages.prove, "POST"),
        ("/account/passkey", pages.show_add, "GET"),
        ("/account/passkey", pages.add, "POST"),
        ("/account/passkey/remove", pages.remove, "POST"),
    )
    return [
        Route("/sign-in/passkey", pages.ask, methods=["GET"]),
        Route("/sign-in/passkey", pages.sign_in, methods=["POST"]),
        *(
            Route(path, guard.protect(page, minds_groups=True), methods=[method])
            for path, page, method in own
        ),
    ]
