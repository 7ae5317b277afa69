"""The door of every page for IT: nobody gets past it without a session."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.service import (
    TOUCH_AFTER,
    Session,
    find_session,
    is_current,
    touch,
)
from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.web.forms import form_token
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

    def protect(self, page: Page, *, minds_groups: bool = False) -> Endpoint:
        """Return `page` as an endpoint that answers 401 with the way in to all others.

        Who may see one group alone gets 403, unless the page `minds_groups`: shows no more than
        `Session.group`.
        """

        async def protected(request: Request) -> Response:
            session = await self.session(request)
            if session is None:
                return self.sign_in_needed(request)
            if session.group is not None and not minds_groups:
                return self._pages.response("not_for_groups.html", status=403)
            return await page(request, session)

        return protected

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
