"""What every change in the console shares: own form, fresh proof, one transaction, the record."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from passmuster_server.accounts.cookies import Cookies
from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.services import Services
from passmuster_server.web.forms import MAX_FIELDS, MAX_FORM, TOKEN_FIELD, read_form
from passmuster_server.web.pages import HEADERS, Pages

Change = Callable[[Connection, datetime], Event]
"""Makes the change and returns what goes on record; what it raises undoes the change."""


class Changing:
    """Takes the forms of the console. Every change needs a sign-in of the last minutes."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._public_url = services.config.public_url
        self._cookies = Cookies(self._public_url)
        self._guard = Guard(services.database, services.clock, self._public_url)
        self._pages = Pages(Path(__file__).parent / "templates")

    async def fields(
        self, request: Request, *, limit: int = MAX_FORM, most: int = MAX_FIELDS
    ) -> Mapping[str, str]:
        """Return the fields of one of our own forms. Raises `RefusalError`."""
        secret = self._cookies.session(request)
        return await read_form(
            request, secret=secret, public_url=self._public_url, limit=limit, most=most
        )

    async def make(
        self,
        request: Request,
        session: Session,
        back: str,
        change: Change,
        *,
        place: str = "",
        then: str | None = None,
    ) -> Response:
        """Make the change and lead `back`; `place` is where on that page it was asked for.

        `then` is where it leads once it is made, where that is not the same page.

        Where the sign-in is too old, the page that asks for a fresh one is returned instead. Raises
        what `change` raises.
        """
        now = self._clock()
        if not session.is_fresh(now):
            return await self._guard.proof_needed(request, session, back + place)

        def work(transaction: Transaction) -> None:
            event = change(transaction.connection, now)
            record(transaction.connection, session.organisation, event, now)

        await self._database.write(work)
        return RedirectResponse(then or back, 303, headers=dict(HEADERS))

    async def prove(self, request: Request, session: Session, back: str) -> Response:
        """Ask for a fresh sign-in in a window of its own, beside a form that keeps its text.

        `back` is that form's page.
        """
        if not session.is_fresh(self._clock()):
            return await self._guard.proof_needed(request, session, request.url.path)
        return self._pages.response(
            "proven.html",
            here="policy",
            email=session.email,
            one_group=session.group is not None,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            back=back,
        )

    def refused(
        self, request: Request, session: Session, back: str, problem: str, status: int = 400
    ) -> Response:
        """Return the page that says why nothing was changed."""
        return self._pages.response(
            "not_changed.html",
            status=status,
            here="",
            email=session.email,
            one_group=session.group is not None,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            problem=problem,
            back=back,
        )
