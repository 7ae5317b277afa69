"""`/alerts`: who is told of what, how that goes, and the forms that change it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.alerts import management
from passmuster_server.alerts.asked import MAX_AUTHORITIES
from passmuster_server.alerts.errors import NotSentError
from passmuster_server.alerts.events import way_of
from passmuster_server.alerts.management import NoRuleError, RuleExistsError
from passmuster_server.alerts.rules import Hook, Kind, Severity, title_of
from passmuster_server.audit.record import Event, record
from passmuster_server.console.alert_form import (
    BEFORE_ON,
    LABELS,
    SECRETS,
    WAYS,
    asked_rule,
)
from passmuster_server.console.changing import Changing
from passmuster_server.devices.groups import groups_of
from passmuster_server.services import Services
from passmuster_server.web.forms import TOKEN_FIELD
from passmuster_server.web.pages import Pages

PATH = "/alerts"
MAX_FORM = 3 * MAX_AUTHORITIES
"""Bytes: certificates with each of their line breaks escaped, and the rest."""
MOST_FIELDS = 64


class AlertPages:
    """The pages and their forms."""

    def __init__(self, services: Services, guard: Guard, changing: Changing) -> None:
        self._services = services
        self._guard = guard
        self._changing = changing
        self._pages = Pages(Path(__file__).parent / "templates")

    async def rules(self, request: Request, session: Session) -> Response:
        """Show the rules."""
        return await self._rules(request, session)

    async def new(self, request: Request, session: Session) -> Response:
        """Show the form; whoever has to prove who they are does so before it is filled in."""
        way = _way(request.query_params.get("way", ""))
        if not session.is_fresh(self._services.clock()):
            return await self._guard.proof_needed(request, session, f"{PATH}/new?way={way}")
        return await self._form(request, session, {"way": way})

    async def add(self, request: Request, session: Session) -> Response:
        """Make a rule; show the secret of a webhook, this once."""
        fields = await self._changing.fields(request, limit=MAX_FORM, most=MOST_FIELDS)
        groups = await self._groups(session)
        try:
            rule = asked_rule(fields, groups)
        except ContractError as error:
            problem = f"{LABELS[error.field]}: {error.problem}."
            return await self._form(request, session, fields, problem)
        made: list[Event] = []

        def change(connection: Connection, now: datetime) -> Event:
            event = management.add(connection, session.organisation, rule, session.email, now)
            made.append(event)
            return event

        back = f"{PATH}/new?way={_way(fields.get('way', ''))}"
        try:
            answer = await self._changing.make(request, session, back, change, then=PATH)
        except RuleExistsError as error:
            return await self._form(request, session, fields, f"{LABELS['name']}: {error}")
        if not made or not isinstance(rule.channel, Hook):
            return answer
        return await self._rules(request, session, name=rule.name, secret=rule.channel.secret)

    async def remove(self, request: Request, session: Session) -> Response:
        """Remove a rule."""
        fields = await self._changing.fields(request)
        name = fields.get("name", "")

        def change(connection: Connection, _: datetime) -> Event:
            return management.remove(connection, session.organisation, name, session.email)

        try:
            return await self._changing.make(request, session, PATH, change)
        except NoRuleError as error:
            return self._changing.refused(request, session, PATH, str(error), 404)

    async def test(self, request: Request, session: Session) -> Response:
        """Send a test message, and say whether it went."""
        fields = await self._changing.fields(request)
        name, now = fields.get("name", ""), self._services.clock()
        if not session.is_fresh(now):
            return await self._guard.proof_needed(request, session, PATH)
        database = self._services.database
        try:
            rule = await database.read(
                lambda connection: management.find(connection, session.organisation, name)
            )
        except NoRuleError as error:
            return self._changing.refused(request, session, PATH, str(error), 404)
        event = management.tested_event(rule, session.email)
        await database.write(
            lambda transaction: record(
                transaction.connection, session.organisation, event, self._services.clock()
            )
        )
        try:
            await management.send_test(rule, self._services.config.public_url, now)
        except NotSentError as error:
            problem = f"The test was not sent: {error}."
            return await self._rules(request, session, 502, name=name, problem=problem)
        return await self._rules(request, session, name=name, tested=True)

    async def _groups(self, session: Session) -> Mapping[str, str]:
        return await self._services.database.read(
            lambda connection: {
                row.group_id: row.name for row in groups_of(connection, session.organisation)
            }
        )

    async def _rules(
        self, request: Request, session: Session, status: int = 200, **told: Any
    ) -> Response:
        states = await self._services.database.read(
            lambda connection: management.states_of(connection, session.organisation)
        )
        return self._response(
            request,
            session,
            "alerts.html",
            status,
            now=self._services.clock(),
            states=[(each, way_of(each.rule.channel)) for each in states],
            group_names=await self._groups(session),
            titles={kind: title_of(kind) for kind in Kind},
            ways=WAYS,
            may_change=session.may(Permission.CHANGE_ALERTS),
            **{"name": "", "secret": "", "problem": "", "tested": False, **told},
        )

    async def _form(
        self, request: Request, session: Session, fields: Mapping[str, str], problem: str = ""
    ) -> Response:
        return self._response(
            request,
            session,
            "alert_new.html",
            400 if problem else 200,
            way=_way(fields.get("way", "")),
            ways=WAYS,
            labels=LABELS,
            fields={name: value for name, value in fields.items() if name not in SECRETS},
            kinds=[(f"{BEFORE_ON}{kind.value}", title_of(kind)) for kind in Kind],
            severities=[each.name.lower() for each in Severity],
            group_names=await self._groups(session),
            problem=problem,
        )

    def _response(
        self, request: Request, session: Session, template: str, status: int, **values: Any
    ) -> Response:
        return self._pages.response(
            template,
            status=status,
            here="alerts",
            email=session.email,
            token_field=TOKEN_FIELD,
            token=self._guard.form_token(request),
            **values,
        )


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    pages = AlertPages(services, guard, Changing(services))
    may = Permission.CHANGE_ALERTS
    return [
        Route(PATH, guard.protect(pages.rules, Permission.SEE_AUDIT), methods=["GET"]),
        Route(PATH, guard.protect(pages.add, may), methods=["POST"]),
        Route(f"{PATH}/new", guard.protect(pages.new, may), methods=["GET"]),
        Route(f"{PATH}/test", guard.protect(pages.test, may), methods=["POST"]),
        Route(f"{PATH}/remove", guard.protect(pages.remove, may), methods=["POST"]),
    ]


def _way(text: str) -> str:
    return text if text in WAYS else next(iter(WAYS))
