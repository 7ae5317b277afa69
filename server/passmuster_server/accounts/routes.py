"""Signing in by a one-time link, and out again.

The link's token is in the address's fragment, which browsers keep to themselves: it reaches no
access log, proxy or preview. Only the page's button sends it.
"""

from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.service import LinkError, find_link, sign_in
from passmuster_server.accounts.sessions import MAX_TOKEN, find_session, sign_out
from passmuster_server.accounts.sign_in_form import SignInForm
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.clock import Clock
from passmuster_server.database import Database, Transaction
from passmuster_server.devices.limits import AddressLimit, requester
from passmuster_server.services import Services
from passmuster_server.web.forms import read_form
from passmuster_server.web.pages import HEADERS
from passmuster_server.web.problems import RefusalError

SIGN_IN_PATH = "/sign-in"
SIGN_OUT_PATH = "/sign-out"
AFTER_SIGN_IN = "/fleet"
WRONG_LINKS = 30
WRONG_WITHIN_S = 300.0
"""From one address: nobody guesses 256 bits, but each try is work."""


def sign_in_link(public_url: str, token: str) -> str:
    """Return the address that signs in once."""
    return f"{public_url}{SIGN_IN_PATH}#{token}"


class SignIn:
    """The pages of signing in and out."""

    def __init__(
        self, database: Database, clock: Clock, public_url: str, *, openid: bool = False
    ) -> None:
        self._database = database
        self._clock = clock
        self._public_url = public_url
        self._cookies = Cookies(public_url)
        self._guard = Guard(database, clock, public_url)
        self._form = SignInForm(public_url, openid=openid)
        self._wrong_links = AddressLimit(WRONG_LINKS, WRONG_WITHIN_S)

    async def show(self, request: Request) -> Response:
        """Show the button. Uses nothing up, whoever fetches it and how often."""
        session = await self._guard.session(request)
        return self._form.response(request, email=session.email if session is not None else "")

    async def submit(self, request: Request) -> Response:
        """Use the link up and start a session, always a new one."""
        fields = await self._form.read(request)
        if isinstance(fields, Response):
            return fields
        now, address = self._clock(), requester(request)
        before = self._cookies.session(request)
        wait_s = self._wrong_links.wait_s(address)
        if wait_s > 0:
            return self._form.response(
                request,
                status=429,
                problem="Too many links that were not good. Wait a few minutes.",
                headers={"Retry-After": str(int(wait_s) + 1)},
            )
        try:
            token = _token_of(fields.get("link", ""))
            # What is not good is found out before the writer is asked, which serves everybody.
            await self._database.read(lambda connection: find_link(connection, token, now))
            session = await self._database.write(
                lambda transaction: _exchange(transaction, before, token, now)
            )
        except LinkError as error:
            self._wrong_links.count(address)
            return self._form.response(request, status=403, problem=str(error))
        response = RedirectResponse(AFTER_SIGN_IN, 303, headers=dict(HEADERS))
        self._cookies.start_session(response, session)
        return response

    async def leave(self, request: Request) -> Response:
        """End the session."""
        token = self._cookies.session(request)
        try:
            await read_form(request, secret=token, public_url=self._public_url)
        except RefusalError as error:
            if error.problem.status != 403:
                raise
            return self._form.response(request, status=403, problem=error.problem.detail)
        now = self._clock()
        await self._database.write(lambda transaction: _end(transaction, token, now))
        response = RedirectResponse(SIGN_IN_PATH, 303, headers=dict(HEADERS))
        self._cookies.end_session(response)
        return response


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    pages = SignIn(
        services.database,
        services.clock,
        services.config.public_url,
        openid=services.openid is not None,
    )
    return [
        Route(SIGN_IN_PATH, pages.show, methods=["GET"]),
        Route(SIGN_IN_PATH, pages.submit, methods=["POST"]),
        Route(SIGN_OUT_PATH, pages.leave, methods=["POST"]),
    ]


def _exchange(transaction: Transaction, before: str, token: str, now: datetime) -> str:
    session = sign_in(transaction, token, now)
    sign_out(transaction, before)
    _note(transaction, Action.SIGNED_IN, session, now)
    return session


def _end(transaction: Transaction, token: str, now: datetime) -> None:
    _note(transaction, Action.SIGNED_OUT, token, now)
    sign_out(transaction, token)


def _note(transaction: Transaction, action: Action, token: str, now: datetime) -> None:
    session = find_session(transaction.connection, token, now)
    if session is not None:
        record(transaction.connection, session.organisation, Event(action, session.email), now)


def _token_of(text: str) -> str:
    # Without scripts the visitor pastes the whole link or the part after its "#".
    text = text.strip()
    token = urlsplit(text).fragment if "#" in text else text
    if len(token) > MAX_TOKEN:
        raise LinkError("This sign-in link is not known here. Was it copied whole?")
    return token
