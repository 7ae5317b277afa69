"""The forms that save a view of the fleet page and delete it again.

They change what one sees and nothing else, so they ask for no fresh sign-in.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.sessions import Session
from passmuster_server.clock import Clock
from passmuster_server.console import saved_views
from passmuster_server.console.changing import Changing
from passmuster_server.console.saved_views import ViewError
from passmuster_server.database import Database
from passmuster_server.fleet.filters import MAX_GROUP, MAX_SEARCH, group_named, link_of
from passmuster_server.fleet.index import FleetQuery
from passmuster_server.services import Services
from passmuster_server.web.formats import searched
from passmuster_server.web.pages import HEADERS

FLEET = "/fleet"
MAX_ID = 32


class Views:
    """The two forms."""

    def __init__(self, database: Database, clock: Clock, changing: Changing) -> None:
        self._database = database
        self._clock = clock
        self._changing = changing

    async def save(self, request: Request, session: Session) -> Response:
        """Save the filter that the page has."""
        fields = await self._changing.fields(request)
        query = FleetQuery(
            session.organisation,
            group_named(fields.get("verdict", "")),
            searched(fields.get("search", ""), MAX_SEARCH),
            of_group=session.group or fields.get("group", "")[:MAX_GROUP] or None,
        )
        link = link_of(query, query.group)
        try:
            await self._database.write(
                lambda transaction: saved_views.save(
                    transaction.connection,
                    session,
                    fields.get("name", ""),
                    link,
                    self._clock(),
                    shared=fields.get("shared") == "yes",
                )
            )
        except ViewError as error:
            return self._changing.refused(request, session, link, str(error))
        return RedirectResponse(link, 303, headers=dict(HEADERS))

    async def drop(self, request: Request, session: Session) -> Response:
        """Delete a view."""
        await self._changing.fields(request)
        view = request.path_params["view"][:MAX_ID]
        try:
            await self._database.write(
                lambda transaction: saved_views.drop(transaction.connection, session, view)
            )
        except ViewError as error:
            return self._changing.refused(request, session, FLEET, str(error), 404)
        return RedirectResponse(FLEET, 303, headers=dict(HEADERS))


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    views = Views(services.database, services.clock, Changing(services))
    return [
        Route("/fleet/views", guard.protect(views.save, minds_groups=True), methods=["POST"]),
        Route(
            "/fleet/views/{view}/delete",
            guard.protect(views.drop, minds_groups=True),
            methods=["POST"],
        ),
    ]
