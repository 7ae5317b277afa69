"""`/usb`: unknown USB devices across the fleet, approved or forbidden in one step."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.record import Event
from passmuster_server.console.changing import Change, Changing
from passmuster_server.console.usb_queue import MAX_SHOWN, Queue, queue_of, to_look_at
from passmuster_server.devices.groups import groups_of
from passmuster_server.policy import allowances
from passmuster_server.policy.allowances import (
    AllowanceError,
    AllowanceKind,
    NewAllowance,
    Scope,
    device_value,
)
from passmuster_server.policy.exception_commands import ended_event, granted_event, until_of
from passmuster_server.services import Services
from passmuster_server.web.formats import searched
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import Pages

PATH = "/usb"
MAX_SEARCH = 128
MAX_ID = 64

_KINDS = {"approve": AllowanceKind.USB_DEVICE, "forbid": AllowanceKind.USB_FORBIDDEN}


class NotForAllError(Exception):
    """An account that decides for single laptops alone was asked to decide for more."""

    def __str__(self) -> str:
        """Return the sentence for the person."""
        return "Your account may decide for one laptop at a time; more takes an administrator."


class UsbPages:
    """The page and its two forms."""

    def __init__(self, services: Services, guard: Guard, changing: Changing) -> None:
        self._services = services
        self._guard = guard
        self._changing = changing
        self._pages = Pages(Path(__file__).parent / "templates")

    async def queue(self, request: Request, session: Session) -> Response:
        """Show what waits for a decision, of one laptop where the address names one."""
        organisation, now = session.organisation, self._services.clock()
        search = searched(request.query_params.get("search", ""), MAX_SEARCH)
        laptop = request.query_params.get("laptop", "")[:MAX_ID] or None
        standings = tuple(self._services.standings.all(organisation))
        policy = self._services.policies.current(organisation)

        def read(connection: Connection) -> tuple[Queue, Mapping[str, str]]:
            names = {row.group_id: row.name for row in groups_of(connection, organisation)}
            among = to_look_at(standings, session.group, laptop)
            found = queue_of(
                connection,
                organisation,
                policy,
                now,
                among,
                search,
                group=session.group,
                group_names=names,
            )
            return found, names

        queue, names = await self._services.database.read(read)
        return self._pages.response(
            "usb.html",
            here="usb",
            email=session.email,
            one_group=session.group is not None,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            now=now,
            queue=queue,
            group_names=names,
            search=search,
            laptop=laptop or "",
            most=MAX_SHOWN,
            may_decide=session.group is None and session.may(Permission.WAIVE),
            may_decide_for_all=session.group is None and session.may(Permission.CHANGE_POLICY),
        )

    async def decide(self, request: Request, session: Session) -> Response:
        """Approve or forbid a device."""
        fields = await self._changing.fields(request)

        def change(connection: Connection, now: datetime) -> Event:
            new = _new(fields)
            _check_scope(session, new.scope)
            names = {row.group_id: row.name for row in groups_of(connection, session.organisation)}
            if new.scope.group is not None and new.scope.group not in names:
                raise AllowanceError("group: there is no such group")
            granted = allowances.grant(connection, session.organisation, new, session.email, now)
            return granted_event(new, granted, names.get(new.scope.group or ""), session.email)

        return await self._change(request, session, fields, change)

    async def end(self, request: Request, session: Session) -> Response:
        """End what was decided, before its time."""
        fields = await self._changing.fields(request)
        allowance = request.path_params["allowance"][:MAX_ID]

        def change(connection: Connection, now: datetime) -> Event:
            organisation = session.organisation
            for row in allowances.all_allowances(connection, organisation):
                if row.allowance_id == allowance:
                    _check_scope(session, Scope(row.device_id, row.group_id))
            ended = allowances.end(connection, organisation, allowance, session.email, now)
            return ended_event(ended, session.email)

        return await self._change(request, session, fields, change)

    async def _change(
        self, request: Request, session: Session, fields: Mapping[str, str], change: Change
    ) -> Response:
        laptop = fields.get("laptop", "")[:MAX_ID]
        back = PATH + (f"?{urlencode({'laptop': laptop})}" if laptop else "")
        try:
            return await self._changing.make(request, session, back, change)
        except NotForAllError as error:
            return self._changing.refused(request, session, back, str(error), 403)
        except AllowanceError as error:
            return self._changing.refused(request, session, back, str(error))


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    pages = UsbPages(services, guard, Changing(services))
    deciding = partial(guard.protect, needs=Permission.WAIVE)
    return [
        Route(PATH, guard.protect(pages.queue, minds_groups=True), methods=["GET"]),
        Route(f"{PATH}/decisions", deciding(pages.decide), methods=["POST"]),
        Route(f"{PATH}/decisions/{{allowance}}/end", deciding(pages.end), methods=["POST"]),
    ]


def _new(fields: Mapping[str, str]) -> NewAllowance:
    kind = _KINDS.get(fields.get("decision", ""))
    if kind is None:
        raise AllowanceError("decision: expected approve or forbid")
    value = device_value(fields.get("identity", ""))
    if fields.get("kind") == "yes":
        value = ":".join(value.split(":")[:2])
    what, _, which = fields.get("scope", "").partition(":")
    scopes = {
        "laptop": Scope(device=which[:MAX_ID]),
        "group": Scope(group=which[:MAX_ID]),
        "organisation": Scope(),
    }
    if what not in scopes or (what != "organisation") is not bool(which):
        raise AllowanceError("for: choose one laptop, a group or all laptops")
    until = fields.get("until", "")
    return NewAllowance(
        kind,
        value,
        scopes[what],
        fields.get("name", ""),
        fields.get("reason", ""),
        until_of(until) if until else None,
    )


def _check_scope(session: Session, scope: Scope) -> None:
    if scope.device is None and not session.may(Permission.CHANGE_POLICY):
        raise NotForAllError
