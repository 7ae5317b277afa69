"""The pages of the audit record: who did what, and what one decision of the gate rested on."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit import record, trail
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import PAGE_SIZE, Entry, Event
from passmuster_server.clock import Clock
from passmuster_server.database import Database
from passmuster_server.services import Services
from passmuster_server.web.formats import searched
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import Pages

MAX_SEARCH = 128
MAX_NUMBER_DIGITS = 18
MAX_DECISION = 64
SEEN_AGAIN_AFTER = timedelta(hours=1)


class AuditPages:
    """The pages."""

    def __init__(self, database: Database, clock: Clock, guard: Guard) -> None:
        self._database = database
        self._clock = clock
        self._guard = guard
        self._pages = Pages(Path(__file__).parent / "templates")

    async def audit(self, request: Request, session: Session) -> Response:
        """Show one page of the record, the newest entries first."""
        search = searched(request.query_params.get("search", ""), MAX_SEARCH)
        before = _number(request.query_params.get("before", ""))
        found = await self._database.read(
            lambda connection: record.entries(
                connection, session.organisation, search=search, before=before, limit=PAGE_SIZE + 1
            )
        )
        shown = found[:PAGE_SIZE]
        more = len(found) > PAGE_SIZE
        return self._response(
            request,
            session,
            "audit.html",
            here="audit",
            now=self._clock(),
            rows=[(entry, _details(entry)) for entry in shown],
            search=search,
            paged=before is not None,
            first_link=_link(search),
            next_link=_link(search, shown[-1].number) if more else None,
        )

    async def decision(self, request: Request, session: Session) -> Response:
        """Show what one decision rested on. Looking at it goes on record."""
        name = request.path_params["decision"][:MAX_DECISION]
        now = self._clock()
        found = await self._database.read(
            lambda connection: trail.trail_of(connection, session.organisation, name)
        )
        if found is None:
            return self._response(request, session, "no_decision.html", status=404, here="audit")
        event = Event(
            Action.DECISION_VIEWED, session.email, subject=name, person=found.decision.subject
        )
        await self._database.write(
            lambda transaction: record.record_once(
                transaction.connection, session.organisation, event, now, SEEN_AGAIN_AFTER
            )
        )
        return self._response(request, session, "decision.html", here="audit", now=now, trail=found)

    def _response(
        self, request: Request, session: Session, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        return self._pages.response(
            template,
            status=status,
            email=session.email,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            **values,
        )


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    pages = AuditPages(services.database, services.clock, guard)
    return [
        Route("/audit", guard.protect(pages.audit, Permission.SEE_AUDIT), methods=["GET"]),
        Route(
            "/audit/decisions/{decision}",
            guard.protect(pages.decision, Permission.SEE_AUDIT),
            methods=["GET"],
        ),
    ]


def _details(entry: Entry) -> list[tuple[str, str]]:
    """Return the details worth a word, as name and text."""
    given = entry.details or {}
    return [
        (name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in given.items()
        if value not in (None, "", [])
    ]


def _number(text: str) -> int | None:
    """Return the place in an address; one that we never made leads to the first page."""
    if not text.isascii() or not text.isdigit() or len(text) > MAX_NUMBER_DIGITS:
        return None
    return int(text)


def _link(search: str, before: int | None = None) -> str:
    parameters: dict[str, str] = {}
    if search:
        parameters["search"] = search
    if before is not None:
        parameters["before"] = str(before)
    return "/audit" + (f"?{urlencode(parameters)}" if parameters else "")
