"""The page for auditors, and the same as a PDF."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.evidence.commands import as_pdf
from passmuster_server.evidence.gathering import LONGEST, Evidence
from passmuster_server.evidence.sections import sections, subtitle, title
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import HEADERS, Pages

AT_FIRST = timedelta(days=90)
DATE = 10


class EvidencePages:
    """The pages."""

    def __init__(self, services: Services, guard: Guard) -> None:
        self._database = services.database
        self._evidence = services.evidence
        self._clock = services.clock
        self._guard = guard
        self._pages = Pages(Path(__file__).parent / "templates")

    async def page(self, request: Request, session: Session) -> Response:
        """Show the evidence of a period."""
        found = await self._gathered(request, session)
        since, until = f"{found.since:%Y-%m-%d}", f"{_last_day(found):%Y-%m-%d}"
        return self._pages.response(
            "evidence.html",
            here="audit",
            email=session.email,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            title=title(found),
            subtitle=subtitle(found),
            sections=sections(found),
            pdf_link=f"/audit/evidence.pdf?{urlencode({'since': since, 'until': until})}",
            since=since,
            until=until,
        )

    async def document(self, request: Request, session: Session) -> Response:
        """Return the same as a PDF; that it was handed out goes on record."""
        found = await self._gathered(request, session)
        content = await run_in_threadpool(as_pdf, found)
        event = Event(Action.AUDIT_EXPORTED, session.email, details={"format": "evidence.pdf"})
        await self._database.write(
            lambda transaction: record(
                transaction.connection, session.organisation, event, found.made_at
            )
        )
        name = f"evidence-{found.since:%Y-%m-%d}-{_last_day(found):%Y-%m-%d}.pdf"
        return Response(
            content,
            media_type="application/pdf",
            headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def _gathered(self, request: Request, session: Session) -> Evidence:
        """Return the evidence of the days asked for; what is no period is the last 90 days."""
        query = request.query_params
        begin, end = _period(query.get("since", ""), query.get("until", ""), self._clock())
        return await self._evidence.of(session.organisation, begin, end)


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    pages = EvidencePages(services, guard)
    return [
        Route("/audit/evidence", guard.protect(pages.page, Permission.SEE_AUDIT), methods=["GET"]),
        Route(
            "/audit/evidence.pdf",
            guard.protect(pages.document, Permission.SEE_AUDIT),
            methods=["GET"],
        ),
    ]


def _period(since: str, until: str, now: datetime) -> tuple[datetime, datetime]:
    """Return begin and end of the days, the last one included; today ends now."""
    first, last = _day(since), _day(until)
    try:
        end = now if last is None else min(now, last + timedelta(days=1))
        begin = end - AT_FIRST if first is None else first
    except OverflowError:
        return now - AT_FIRST, now
    return (begin, end) if begin < end <= begin + LONGEST else (now - AT_FIRST, now)


def _day(text: str) -> datetime | None:
    if len(text) != DATE:
        return None
    try:
        return datetime.combine(datetime.strptime(text, "%Y-%m-%d"), time.min, UTC)  # noqa: DTZ007 - a date
    except ValueError:
        return None


def _last_day(evidence: Evidence) -> datetime:
    return evidence.until - timedelta(microseconds=1)
