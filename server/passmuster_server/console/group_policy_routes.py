"""`/policy/group`: a supplier's own tables of the policy, which can only be stricter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.record import Event
from passmuster_server.console.changing import Changing
from passmuster_server.console.policy_forms import (
    UnsureError,
    check_sure,
    largest_form,
    number_of,
    text_of,
)
from passmuster_server.console.policy_view import Effect, effects_of
from passmuster_server.devices.groups import GroupKind, groups_of
from passmuster_server.policy import publishing
from passmuster_server.policy.document import DocumentError
from passmuster_server.policy.group_tables import tables_of, with_tables
from passmuster_server.policy.publishing import OvertakenError
from passmuster_server.policy.simulation import Moved, Simulation, simulate
from passmuster_server.policy.standings import Standings
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import HEADERS, Pages
from passmuster_server.web.problems import RefusalError

PATH = "/policy/group"
PROVE = f"{PATH}/prove"
MAX_TABLES = 16 * 1024
MAX_FORM = largest_form(MAX_TABLES)


@dataclass(frozen=True)
class Own:
    """What there is for one group: its name, its tables, and the document that they stand in."""

    name: str
    tables: str
    document: str
    version: int


class GroupPolicyPage:
    """The page and its form. Nothing of the policy but the group's own tables is shown."""

    def __init__(self, services: Services, guard: Guard, changing: Changing) -> None:
        self._services = services
        self._guard = guard
        self._changing = changing
        self._pages = Pages(Path(__file__).parent / "templates")

    async def show(self, request: Request, session: Session) -> Response:
        """Show the tables that are in force."""
        if session.group is None:
            return RedirectResponse("/policy", 303, headers=dict(HEADERS))
        own = await self._own(session)
        return self._response(request, session, own, own.tables)

    async def change(self, request: Request, session: Session) -> Response:
        """Say what other tables would do, or put them in force."""
        fields = await self._changing.fields(request, limit=MAX_FORM)
        if session.group is None:
            return self._changing.refused(request, session, "/policy", "Edit the whole policy.")
        tables = text_of(fields, "tables")
        own = await self._own(session)
        effects: tuple[Effect, ...] = ()
        try:
            document = _exchanged(own, tables)
            effects = await self._effects(session, own, document)
            if "publish" not in fields:
                return self._response(request, session, own, tables, effects=effects)
            _check_current(own, fields)
            if not session.is_fresh(self._services.clock()):
                # What was written must not be lost for want of a fresh sign-in.
                return self._response(request, session, own, tables, status=403, effects=effects)
            check_sure(effects[0], fields)
            return await self._publish(request, session, own, document)
        except DocumentError as error:
            problem = f"{error.field}: {error.problem}" if error.field else error.problem
            return self._response(request, session, own, tables, problem=problem)
        except UnsureError as error:
            return self._response(
                request, session, own, tables, effects=effects, problem=str(error)
            )
        except OvertakenError:
            problem = "The policy was changed meanwhile. Nothing was published: try again."
            return self._response(request, session, await self._own(session), tables, problem)

    async def prove(self, request: Request, session: Session) -> Response:
        """Ask for a fresh sign-in in a window of its own, beside the form's."""
        return await self._changing.prove(request, session, PATH)

    async def _publish(
        self, request: Request, session: Session, own: Own, document: str
    ) -> Response:
        def change(connection: Connection, now: datetime) -> Event:
            # The group may have become another one a moment ago.
            _supplier(session, connection)
            publishing.tightened(connection, session.organisation, document, own.name, own.document)
            _, event = publishing.publish(
                connection,
                session.organisation,
                document,
                session.email,
                now,
                note=f"for the group {own.name}",
                instead_of=own.version,
            )
            return event

        return await self._changing.make(request, session, PATH, change)

    async def _own(self, session: Session) -> Own:
        def read(connection: Connection) -> Own:
            name = _supplier(session, connection)
            version, document = publishing.in_force(connection, session.organisation)
            return Own(name, tables_of(document, name), document, version)

        return await self._services.database.read(read)

    async def _effects(self, session: Session, own: Own, document: str) -> tuple[Effect, ...]:
        organisation, now = session.organisation, self._services.clock()

        def read(connection: Connection) -> Simulation:
            policy = publishing.tightened(
                connection, organisation, document, own.name, own.document
            )
            return simulate(connection, organisation, policy, now)

        async with self._services.simulating:
            found = await self._services.database.read(read)
        return effects_of(_of_group(found, session, self._services.standings))

    def _response(
        self,
        request: Request,
        session: Session,
        own: Own,
        tables: str,
        problem: str = "",
        *,
        status: int = 200,
        effects: tuple[Effect, ...] = (),
    ) -> Response:
        return self._pages.response(
            "group_policy.html",
            status=400 if problem else status,
            here="group_policy",
            email=session.email,
            one_group=True,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            group=own.name,
            tables=tables,
            base=own.version,
            changed=tables.strip() != own.tables.strip(),
            effects=effects,
            problem=problem,
            most=MAX_TABLES,
            fresh=session.is_fresh(self._services.clock()),
            prove=PROVE,
        )


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    page = GroupPolicyPage(services, guard, Changing(services))
    may = Permission.TIGHTEN_GROUP
    return [
        Route(PATH, guard.protect(page.show, may, minds_groups=True), methods=["GET"]),
        Route(PATH, guard.protect(page.change, may, minds_groups=True), methods=["POST"]),
        Route(PROVE, guard.protect(page.prove, may, minds_groups=True), methods=["GET"]),
    ]


def _exchanged(own: Own, tables: str) -> str:
    """Return the document with these tables. Raises `DocumentError`."""
    if len(tables) > MAX_TABLES:
        raise DocumentError("", f"more than {MAX_TABLES} characters", None)
    return with_tables(own.document, own.name, tables)


def _check_current(own: Own, fields: Mapping[str, str]) -> None:
    """Raise `OvertakenError` where another version is in force than when the page was shown."""
    if number_of(fields.get("base", "")) != own.version:
        raise OvertakenError(own.version)


def _supplier(session: Session, connection: Connection) -> str:
    """Return the name of the visitor's group. Raises `RefusalError` unless it is a supplier's.

    What a group of the organisation's own demands may also be less: that is no group's to decide.
    """
    for row in groups_of(connection, session.organisation):
        if row.group_id == session.group and row.kind == GroupKind.SUPPLIER:
            return str(row.name)
    raise RefusalError(403, "not_a_supplier", "The tables of this group are your IT's to edit.")


def _of_group(found: Simulation, session: Session, standings: Standings) -> Simulation:
    """Return what a simulation says of the visitor's own laptops."""

    def own(moved: tuple[Moved, ...]) -> tuple[Moved, ...]:
        seen = ((each, standings.of_device(session.organisation, each.device)) for each in moved)
        return tuple(
            each
            for each, standing in seen
            if standing is not None and standing.group == session.group
        )

    return Simulation(0, own(found.shut_out), own(found.let_in), own(found.warned))
