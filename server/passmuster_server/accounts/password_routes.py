"""Signing in by password and code, proving it again, and the page of one's own account."""

from io import BytesIO
from pathlib import Path
from typing import Any

import segno
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_server.accounts import addresses, credentials, passkeys, sessions
from passmuster_server.accounts.addresses import AddressError
from passmuster_server.accounts.blocked_sign_ins import BlockedSignIns
from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.credentials import CredentialError
from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.own_account import note, require_own
from passmuster_server.accounts.passkey_challenges import are_possible
from passmuster_server.accounts.proofs import AccountTriesError, Proofs
from passmuster_server.accounts.roles import TITLES
from passmuster_server.accounts.sessions import Method, Session
from passmuster_server.accounts.sign_in_form import SignInForm
from passmuster_server.audit.actions import Action
from passmuster_server.clock import Clock
from passmuster_server.config import Config
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.limits import requester
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD, own_path, read_form
from passmuster_server.web.pages import HEADERS, Pages
from passmuster_server.web.problems import RefusalError

ACCOUNT_PATH = "/account"
MAX_FIELD = 256
WRONG = "The address, the password or the code is not right."


class PasswordPages:
    """The pages."""

    def __init__(self, database: Database, clock: Clock, config: Config) -> None:
        self._database = database
        self._clock = clock
        self._public_url = config.public_url
        self._cookies = Cookies(config.public_url)
        self._guard = Guard(database, clock, config.public_url)
        self._form = SignInForm(config.public_url, openid=config.openid is not None)
        self._proofs = Proofs(database, clock)
        self._blocked = BlockedSignIns(database, clock)
        self._pages = Pages(Path(__file__).parent / "templates")

    async def sign_in(self, request: Request) -> Response:
        """Start a session for a right password and code."""
        fields = await self._form.read(request)
        if isinstance(fields, Response):
            return fields
        password, code = _field(fields, "password"), _field(fields, "code")
        email = ""
        try:
            email = addresses.normalised(_field(fields, "email"))
            right = await self._proofs.sign_in(email, password, code, requester(request))
        except AddressError:
            right = False
        except RefusalError as error:
            refused = self._form.response(
                request, status=429, problem=error.problem.detail, headers=error.headers
            )
            if isinstance(error, AccountTriesError):
                # No password is looked at, so this is the same for an account that is not there.
                refused.background = BackgroundTask(self._blocked.note, email)
            return refused
        if not right:
            return self._form.response(request, status=403, problem=WRONG)
        now, before = self._clock(), self._cookies.session(request)

        def start(transaction: Transaction) -> str:
            sessions.sign_out(transaction, before)
            note(transaction, email, Action.SIGNED_IN, now, method=Method.PASSWORD.value)
            return sessions.start_session(
                transaction, DEFAULT_ORGANISATION, email, Method.PASSWORD, now
            )

        token = await self._database.write(start)
        response = RedirectResponse("/fleet", 303, headers=dict(HEADERS))
        self._cookies.start_session(response, token)
        return response

    async def prove(self, request: Request, session: Session) -> Response:
        """Take a password and code again, and lead back to where the change is made."""
        fields = await read_form(
            request, secret=self._cookies.session(request), public_url=self._public_url
        )
        back = own_path(_field(fields, "back"))
        try:
            right = await self._proofs.prove(
                session, _field(fields, "password"), _field(fields, "code")
            )
            problem = "" if right else "The password or the code is not right."
        except RefusalError as error:
            right, problem = False, error.problem.detail
        if not right:
            return await self._guard.proof_needed(request, session, back, problem=problem)
        now = self._clock()
        await self._database.write(
            lambda transaction: sessions.prove_again(transaction, session, now)
        )
        return RedirectResponse(back, 303, headers=dict(HEADERS))

    async def account(self, request: Request, session: Session) -> Response:
        """Show one's own account: how one signs in, and where one is signed in."""
        return await self._account(request, session)

    async def begin(self, request: Request, session: Session) -> Response:
        """Begin to set up a second step."""
        await self._read(request)
        require_own(session)
        if not session.is_fresh(self._clock()):
            return await self._guard.proof_needed(request, session, ACCOUNT_PATH)
        await self._database.write(
            lambda transaction: credentials.begin(transaction, session.organisation, session.email)
        )
        return RedirectResponse(ACCOUNT_PATH, 303, headers=dict(HEADERS))

    async def picture(self, request: Request, session: Session) -> Response:
        """Return the second step that is being set up as a QR code: to its owner, lately proven."""
        if not session.is_fresh(self._clock()):
            return await self._guard.proof_needed(request, session, ACCOUNT_PATH)
        pending = await self._database.read(
            lambda connection: credentials.pending(connection, session.organisation, session.email)
        )
        if pending is None:
            raise RefusalError(404, "not_found", "Nothing is being set up.")
        return Response(_qr(pending.address), media_type="image/svg+xml", headers=dict(HEADERS))

    async def set_up(self, request: Request, session: Session) -> Response:
        """Put a password and the second step in force, and show the recovery codes once."""
        fields = await self._read(request)
        now = self._clock()
        require_own(session)
        if not session.is_fresh(now):
            return await self._guard.proof_needed(request, session, ACCOUNT_PATH)
        code = _field(fields, "code")

        def change(transaction: Transaction) -> tuple[str, ...]:
            codes = credentials.set_up(
                transaction, session.organisation, session.email, password_hash, code, now
            )
            sessions.end_others(transaction, session)
            note(transaction, session.email, Action.CREDENTIALS_CHANGED, now)
            return codes

        try:
            password_hash = await self._proofs.hashed(_field(fields, "password"), session.email)
            codes = await self._database.write(change)
        except CredentialError as error:
            return await self._account(request, session, status=400, problem=str(error))
        return await self._account(request, session, codes=codes)

    async def end_others(self, request: Request, session: Session) -> Response:
        """Sign out everywhere else."""
        await self._read(request)
        await self._database.write(lambda transaction: sessions.end_others(transaction, session))
        return RedirectResponse(ACCOUNT_PATH, 303, headers=dict(HEADERS))

    async def _read(self, request: Request) -> Any:
        return await read_form(
            request, secret=self._cookies.session(request), public_url=self._public_url
        )

    async def _account(
        self,
        request: Request,
        session: Session,
        *,
        status: int = 200,
        problem: str = "",
        codes: tuple[str, ...] = (),
    ) -> Response:
        now = self._clock()
        who = (session.organisation, session.email)
        has_password, pending, left, kept, found = await self._database.read(
            lambda connection: (
                credentials.has_password(connection, *who),
                credentials.pending(connection, *who),
                credentials.recovery_codes_left(connection, *who),
                passkeys.passkeys_of(connection, *who),
                sessions.sessions_of(connection, session, now),
            )
        )
        return self._pages.response(
            "account.html",
            status=status,
            here="account",
            email=session.email,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            now=now,
            problem=problem,
            role=TITLES[session.role],
            has_password=has_password,
            managed=session.managed,
            # Whoever sits down at a browser that was left open must not copy the secret.
            pending=pending if session.is_fresh(now) else None,
            unfinished=pending is not None,
            codes=codes,
            codes_left=left,
            passkeys=kept,
            passkeys_possible=are_possible(self._public_url),
            sessions=[(row, row.token_hash == session.token_hash) for row in found],
            shortest=credentials.SHORTEST_PASSWORD,
            longest=credentials.LONGEST_PASSWORD,
        )


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    pages = PasswordPages(services.database, services.clock, services.config)
    guard = Guard(services.database, services.clock, services.config.public_url)
    own = (
        ("/prove", pages.prove, "POST"),
        (ACCOUNT_PATH, pages.account, "GET"),
        ("/account/second-step", pages.begin, "POST"),
        ("/account/second-step.svg", pages.picture, "GET"),
        ("/account/password", pages.set_up, "POST"),
        ("/account/sessions", pages.end_others, "POST"),
    )
    return [
        Route("/sign-in/password", pages.sign_in, methods=["POST"]),
        *(
            Route(path, guard.protect(page, minds_groups=True), methods=[method])
            for path, page, method in own
        ),
    ]


def _field(fields: Any, name: str) -> str:
    value: str = fields.get(name, "")
    return value[:MAX_FIELD]


def _qr(address: str) -> bytes:
    """Return the picture as SVG: black on white, whatever the theme, or no telephone reads it."""
    out = BytesIO()
    segno.make(address, micro=False).save(out, kind="svg", scale=5, dark="#000", light="#fff")
    return out.getvalue()
