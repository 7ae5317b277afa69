"""The door of every page for IT: nobody gets past it without a session."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.accounts import credentials, passkeys
from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.roles import TITLES, Permission
from passmuster_server.accounts.sessions import (
    TOUCH_AFTER,
    Method,
    Session,
    find_session,
    is_current,
    touch,
)
from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.web.forms import TOKEN_FIELD, form_token
from passmuster_server.web.pages import Pages

Page = Callable[[Request, Session], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

BACKGROUND = "X-Passmuster-Background"
"""Set by a page that refreshes itself: being looked at by nobody must not keep a session alive."""


class Guard:
    """Finds out who is signed in."""

    def __init__(self, database: Database, clock: Clock, public_url: str) -> None:
        self._database = database
        self._clock = clock
        self._cookies = Cookies(public_url)
        self._pages = Pages(Path(__file__).parent / "templates")

    def protect(
        self, page: Page, needs: Permission = Permission.SEE_FLEET, *, minds_groups: bool = False
    ) -> Endpoint:
        """Return `page` as an endpoint for those who are signed in and have the permission.

        All others get 401 with the way in, or 403. Who may see one group alone gets 403 as well,
        unless the page `minds_groups`: shows no more than `Session.group`.
        """

        async def protected(request: Request) -> Response:
            session = await self.session(request)
            if session is None:
                return self.sign_in_needed(request)
            if session.group is not None and not minds_groups:
                return self._pages.response("not_for_groups.html", status=403)
            if not session.may(needs):
                return self._pages.response(
                    "not_allowed.html",
                    status=403,
                    here="",
                    email=session.email,
                    role=TITLES[session.role],
                    token_field=TOKEN_FIELD,
                    token=self.form_token(request),
                )
            return await page(request, session)

        return protected

    async def proof_needed(
        self, request: Request, session: Session, back: str, *, problem: str = ""
    ) -> Response:
        """Return the page that asks a visitor to prove again who they are, and leads to `back`."""
        who = (session.organisation, session.email)
        has_password, has_passkey = await self._database.read(
            lambda connection: (
                credentials.has_password(connection, *who),
                passkeys.count(connection, *who) > 0,
            )
        )
        return self._pages.response(
            "prove.html",
            status=403,
            here="",
            email=session.email,
            token_field=TOKEN_FIELD,
            token=self.form_token(request),
            has_password=has_password,
            has_passkey=has_passkey,
            by_openid=session.method is Method.OPENID,
            back=back,
            problem=problem,
        )

    async def session(self, request: Request) -> Session | None:
        """Return the visitor's session, or None. A visit of a person keeps it from idling."""
        token = self._cookies.session(request)
        if not token:
            return None
        now = self._clock()
        session = await self._database.read(lambda connection: find_session(connection, token, now))
        if session is None:
            return None
        background = request.headers.get(BACKGROUND) is not None
        if not background and now - session.last_used_at >= TOUCH_AFTER:
            # A page can be shown while nothing can be stored; the session then idles out sooner.
            with suppress(StoreUnavailableError):
                await self._database.write(lambda transaction: touch(transaction, session, now))
        return session

    async def still_signed_in(self, session: Session) -> bool:
        """Return whether a session found before is neither over, idle, nor signed out."""
        now = self._clock()
        return await self._database.read(
            lambda connection: is_current(connection, session.token_hash, now)
        )

    def form_token(self, request: Request) -> str:
        """Return the token for the forms of a visitor who is signed in."""
        return form_token(self._cookies.session(request))

    def sign_in_needed(self, request: Request) -> Response:
        """Return the page that says how to get in."""
        # A link in a ticket or chat comes from another site, and a browser keeps a strict cookie
        # back from that one request. Going there once more, from our own page, brings it along.
        again = request.headers.get("sec-fetch-site") == "cross-site"
        return self._pages.response("sign_in_needed.html", status=401, again=again)
