"""`/enrol`: a code for one person's laptop, by whoever may decide which laptops there are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.record import Event
from passmuster_server.console.changing import Changing
from passmuster_server.devices import admission
from passmuster_server.devices.doors import OwnerError
from passmuster_server.devices.groups import Ownership, groups_of
from passmuster_server.devices.one_time_codes import CODE_LIFETIME
from passmuster_server.schema import DEFAULT_GROUP
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import Pages

PATH = "/enrol"
MAX_OWNER = 254


class EnrolmentPage:
    """The page and its form."""

    def __init__(self, services: Services, guard: Guard, changing: Changing) -> None:
        self._services = services
        self._guard = guard
        self._changing = changing
        self._pages = Pages(Path(__file__).parent / "templates")

    async def show(self, request: Request, session: Session) -> Response:
        """Show the form."""
        return await self._response(request, session)

    async def issue(self, request: Request, session: Session) -> Response:
        """Show a new code, this once."""
        fields = await self._changing.fields(request)
        owner = fields.get("owner", "")[: MAX_OWNER + 1]
        issued: list[str] = []

        def change(connection: Connection, now: datetime) -> Event:
            admission.check_owner(
                connection,
                self._services.standings,
                session.organisation,
                owner,
                _of(session),
            )
            code, event = admission.issue_code(
                connection,
                session.organisation,
                owner,
                session.email,
                now,
                group=self._group(session, connection, fields).name,
                ownership=_ownership(fields),
            )
            issued[:] = [code]
            return event

        try:
            answer = await self._changing.make(request, session, PATH, change)
        except (OwnerError, admission.NotYoursError) as error:
            return await self._response(request, session, 400, problem=str(error), owner=owner)
        if not issued:
            # The page that asks for a fresh sign-in.
            return answer
        return await self._response(request, session, code=issued[0], owner=owner.strip())

    def _group(
        self, session: Session, connection: Connection, fields: Mapping[str, str]
    ) -> Row[Any]:
        wanted = session.group or fields.get("group", "") or DEFAULT_GROUP
        for row in _seen(connection, session):
            if row.group_id == wanted:
                return row
        raise OwnerError("There is no such group.")

    async def _response(
        self, request: Request, session: Session, status: int = 200, **values: Any
    ) -> Response:
        groups = await self._services.database.read(lambda connection: _seen(connection, session))
        return self._pages.response(
            "enrolment.html",
            status=status,
            here="",
            email=session.email,
            one_group=session.group is not None,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            groups=groups,
            default=session.group or DEFAULT_GROUP,
            public_url=self._services.config.public_url,
            minutes=int(CODE_LIFETIME.total_seconds() // 60),
            **{"problem": "", "code": "", "owner": "", **values},
        )


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    page = EnrolmentPage(services, guard, Changing(services))
    may = Permission.CHANGE_DEVICES
    return [
        Route(PATH, guard.protect(page.show, may, minds_groups=True), methods=["GET"]),
        Route(PATH, guard.protect(page.issue, may, minds_groups=True), methods=["POST"]),
    ]


def _of(session: Session) -> frozenset[str] | None:
    return None if session.group is None else frozenset({session.group})


def _seen(connection: Connection, session: Session) -> Sequence[Row[Any]]:
    rows = groups_of(connection, session.organisation)
    return [row for row in rows if session.group in (None, row.group_id)]


def _ownership(fields: Mapping[str, str]) -> Ownership:
    personal = fields.get("ownership") == Ownership.PERSONAL
    return Ownership.PERSONAL if personal else Ownership.COMPANY
