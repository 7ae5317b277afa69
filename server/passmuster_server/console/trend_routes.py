"""`/trends`: how compliance develops, as a picture and in numbers."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.sessions import Session
from passmuster_server.console.signal_tallies import SignalTallies
from passmuster_server.console.trend_chart import HEIGHT, WIDTH, chart_of, signal_chart_of
from passmuster_server.console.trends import FRESH_FOR, PERIODS
from passmuster_server.devices.groups import groups_of
from passmuster_server.schema import DEFAULT_ORGANISATION
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import Pages

PATH = "/trends"
USUAL = 30


class TrendPages:
    """The page."""

    def __init__(self, services: Services, guard: Guard) -> None:
        self._services = services
        self._guard = guard
        self._trends = services.trends
        self._pages = Pages(Path(__file__).parent / "templates")

    async def trends(self, request: Request, session: Session) -> Response:
        """Show the trends of a period, of one group where it is asked for."""
        organisation = session.organisation
        groups = await self._services.database.read(
            lambda connection: [
                group
                for group in groups_of(connection, organisation)
                if session.group in (None, group.group_id)
            ]
        )
        days = _days(request.query_params.get("days", ""))
        asked = session.group or request.query_params.get("group", "")
        group = next((each.group_id for each in groups if each.group_id == asked), session.group)
        trends = await self._trends.of(organisation, days, group)
        return self._pages.response(
            "trends.html",
            here="trends",
            email=session.email,
            one_group=session.group is not None,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            now=self._services.clock(),
            trends=trends,
            chart=chart_of(trends.moments, trends.verdicts),
            signal_charts={
                signal: signal_chart_of(tallies) for signal, tallies in trends.over_time.items()
            },
            width=WIDTH,
            height=HEIGHT,
            groups=groups,
            of_group=group,
            days=days,
            periods=[(each, _link(each, group, session)) for each in PERIODS],
            fresh_minutes=int(FRESH_FOR.total_seconds() // 60),
        )


def routes(services: Services) -> list[Route]:
    """Return the route, and count for its pictures beside the requests."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    tallies = SignalTallies(
        services.database,
        services.standings,
        services.clock,
        organisation=DEFAULT_ORGANISATION,
        history=timedelta(days=services.config.history_days),
    )
    services.run_beside(tallies.task)
    pages = TrendPages(services, guard)
    return [Route(PATH, guard.protect(pages.trends, minds_groups=True), methods=["GET"])]


def _days(text: str) -> int:
    return int(text) if text in {str(int(days)) for days in PERIODS} else USUAL


def _link(days: int, group: str | None, session: Session) -> str:
    parameters = {"days": str(days)}
    if group is not None and session.group is None:
        parameters["group"] = group
    return f"{PATH}?{urlencode(parameters)}"
