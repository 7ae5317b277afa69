"""The pages IT works with: the fleet, one device, what is collected, and their live updates."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record_once
from passmuster_server.clock import Clock
from passmuster_server.config import Config
from passmuster_server.console.saved_views import views_of
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices.groups import groups_of
from passmuster_server.fleet import actions, cursors, device_view
from passmuster_server.fleet.filters import (
    MAX_GROUP,
    MAX_SEARCH,
    filters_of,
    group_named,
    link_of,
)
from passmuster_server.fleet.index import FleetIndex, FleetQuery
from passmuster_server.fleet.key_view import key_changes_of
from passmuster_server.fleet.live import LiveFleet, TooManyListenersError
from passmuster_server.fleet.privacy import ABOUT_THE_LAPTOP, COLLECTED
from passmuster_server.fleet.store import About, about_each, device_of, of_fingerprint
from passmuster_server.fleet.timeline import timeline_of
from passmuster_server.fleet.view import (
    OWNERSHIPS,
    row_of,
    state_of,
)
from passmuster_server.policy.key_tier import TIERS
from passmuster_server.policy.standings import Standings
from passmuster_server.services import Services
from passmuster_server.web.formats import searched
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import HEADERS, Pages
from passmuster_server.web.problems import RefusalError
from passmuster_server.web.worker_pages import READ_ONLY_POLICY, WorkerPages

SEEN_AGAIN_AFTER = timedelta(hours=1)
"""A page that refreshes itself is one look, not hundreds."""

TEMPLATES = Path(__file__).parent / "templates"


class FleetPages:
    """The pages."""

    def __init__(
        self,
        database: Database,
        standings: Standings,
        index: FleetIndex,
        clock: Clock,
        live: LiveFleet,
        guard: Guard,
        config: Config,
    ) -> None:
        self._database = database
        self._standings = standings
        self._clock = clock
        self._index = index
        self._live = live
        self._guard = guard
        self._config = config
        self._pages = Pages(TEMPLATES)
        self._worker_pages = WorkerPages(
            TEMPLATES, public_url=config.public_url, contact=config.contact
        )

    async def fleet(self, request: Request, session: Session) -> Response:
        """Show one page of the fleet."""
        organisation = session.organisation
        search = searched(request.query_params.get("search", ""), MAX_SEARCH)
        known, groups, views = await self._database.read(
            lambda connection: (
                of_fingerprint(connection, organisation, search) if search else frozenset(),
                _seen_by(session, groups_of(connection, organisation)),
                views_of(connection, session),
            )
        )
        query = FleetQuery(
            organisation,
            group_named(request.query_params.get("verdict", "")),
            search,
            known,
            # One that we never made leads to the first page.
            cursors.read(request.query_params.get("after", "")),
            session.group or request.query_params.get("group", "")[:MAX_GROUP] or None,
        )
        page = await self._index.page(query)
        about = await self._database.read(
            lambda connection: about_each(
                connection, organisation, [laptop.device for laptop in page.laptops]
            )
        )
        names = {group.group_id: group.name for group in groups}
        return self._response(
            request,
            session,
            "fleet.html",
            here="fleet",
            may_enrol=session.may(Permission.CHANGE_DEVICES),
            may_tighten=session.group is not None and session.may(Permission.TIGHTEN_GROUP),
            now=page.at,
            rows=[
                row_of(each, about.get(each.device, About()), page.at, names)
                for each in page.laptops
            ],
            groups=groups,
            views=views,
            view_link=link_of(query, query.group),
            of_group=query.of_group,
            filters=filters_of(query, page.counts),
            group=query.group,
            search=query.search,
            paged=query.after is not None,
            first_link=link_of(query, query.group),
            next_link=link_of(query, query.group, page.following) if page.following else None,
            public_url=self._config.public_url,
        )

    async def device(self, request: Request, session: Session) -> Response:
        """Show one device in full."""
        now = self._clock()
        name = request.path_params["device"]
        stored, happened, groups = await self._database.read(
            lambda connection: (
                stored := device_of(connection, session.organisation, name),
                # Who did what is about more than one group.
                timeline_of(connection, session.organisation, stored.device)
                if stored is not None and session.group is None
                else [],
                _seen_by(session, groups_of(connection, session.organisation)),
            )
        )
        if stored is None or session.group not in (None, stored.device.group_id):
            return self._response(
                request,
                session,
                "no_device.html",
                status=404,
                here="",
            )
        standing = self._standings.of_device(session.organisation, name)
        state = state_of(standing, now)
        contact = stored.contact
        await self._note_view(session, stored.device, now)
        return self._response(
            request,
            session,
            "device.html",
            here="",
            now=now,
            device=stored.device,
            behind=device_view.behind_of(stored.device.agent_version, self._config.oldest_agent),
            state=state,
            headline=state.finding,
            standing=standing,
            contact=contact,
            last_seen=contact.last_seen if contact is not None else None,
            clock=device_view.clock_of(contact.clock_skew_s if contact is not None else None),
            group=next(
                (group for group in groups if group.group_id == stored.device.group_id), None
            ),
            alike=[each for each in stored.alike if session.group in (None, each.group_id)],
            ownership=OWNERSHIPS.get(stored.device.ownership, stored.device.ownership),
            tier=TIERS.get(stored.device.tier, stored.device.tier),
            signals=device_view.signals_of(
                standing, stored.readings, stored.waivers, now, stored.rules
            ),
            transitions=device_view.transitions_of(stored.transitions),
            history=device_view.history_of(stored.history),
            happened=happened,
            key_changes=key_changes_of(stored.key_changes),
            may={each.value: session.may(each) for each in Permission},
            waivers=actions.waivers_in_force(stored.waivers, now),
            waivable=actions.TITLES,
        )

    async def _note_view(self, session: Session, device: Row[Any], now: datetime) -> None:
        """Put on record who looked: the person whose laptop it is may ask."""
        event = Event(
            Action.DEVICE_VIEWED, session.email, subject=device.device_id, person=device.owner
        )
        # A page can be shown while nothing can be stored.
        with suppress(StoreUnavailableError):
            await self._database.write(
                lambda transaction: record_once(
                    transaction.connection, session.organisation, event, now, SEEN_AGAIN_AFTER
                )
            )

    async def privacy(self, request: Request) -> Response:
        """Show what is collected: to everyone, because it is about them, in their language."""
        session = await self._guard.session(request)
        told: dict[str, Any] = {
            "signals": COLLECTED,
            "about_the_laptop": ABOUT_THE_LAPTOP,
            "history_days": self._config.history_days,
            "decision_days": self._config.decision_days,
        }
        if session is None:
            return self._worker_pages.response(
                request, "collected.html", headers=READ_ONLY_POLICY, **told
            )
        return self._response(
            request,
            session,
            "privacy.html",
            here="privacy",
            contact=self._config.contact,
            **told,
        )

    async def events(self, _: Request, session: Session) -> Response:
        """Stream that something changed, for as long as the visitor stays signed in."""

        async def may_listen() -> bool:
            return await self._guard.still_signed_in(session)

        try:
            events: AsyncIterator[bytes] = self._live.stream(
                session.organisation, may_listen, session.group
            )
        except TooManyListenersError:
            raise RefusalError(
                503, "too_many_pages", "Too many pages are open.", headers={"Retry-After": "60"}
            ) from None
        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    def _response(
        self,
        request: Request,
        session: Session | None,
        template: str,
        *,
        status: int = 200,
        **values: Any,
    ) -> Response:
        return self._pages.response(
            template,
            status=status,
            email=session.email if session is not None else "",
            one_group=session is not None and session.group is not None,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request) if session is not None else "",
            **values,
        )


def routes(services: Services) -> list[Route]:
    """Return the routes of this area."""
    live = LiveFleet(services.standings)
    services.on_closing(live.close)
    guard = Guard(services.database, services.clock, services.config.public_url)
    pages = FleetPages(
        services.database,
        services.standings,
        services.fleet,
        services.clock,
        live,
        guard,
        services.config,
    )
    protected = partial(guard.protect, minds_groups=True)
    return [
        Route("/fleet", protected(pages.fleet), methods=["GET"]),
        Route("/fleet/events", protected(pages.events), methods=["GET"]),
        Route("/fleet/devices/{device}", protected(pages.device), methods=["GET"]),
        Route("/privacy", pages.privacy, methods=["GET"]),
    ]


def _seen_by(session: Session, groups: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    return [group for group in groups if session.group in (None, group.group_id)]
