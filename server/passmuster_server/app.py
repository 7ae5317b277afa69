"""The server as one application: the only module, with `cli`, that knows every area."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.problem import Problem
from passmuster_server import migrations
from passmuster_server.accounts.openid_routes import routes as openid_routes
from passmuster_server.accounts.passkey_routes import routes as passkey_routes
from passmuster_server.accounts.password_routes import routes as password_routes
from passmuster_server.accounts.routes import routes as accounts_routes
from passmuster_server.alerts.routes import routes as alert_routes
from passmuster_server.api.routes import routes as api_routes
from passmuster_server.application import Application
from passmuster_server.audit.routes import routes as audit_routes
from passmuster_server.changes import ChangeWatch
from passmuster_server.clock import Clock, utc_now
from passmuster_server.config import Config
from passmuster_server.console.alert_routes import routes as alert_page_routes
from passmuster_server.console.enrolment_routes import routes as enrolment_page_routes
from passmuster_server.console.group_policy_routes import routes as group_policy_routes
from passmuster_server.console.policy_routes import routes as policy_routes
from passmuster_server.console.trend_routes import routes as trend_routes
from passmuster_server.console.trends import TrendsOfFleets
from passmuster_server.console.usb_routes import routes as usb_routes
from passmuster_server.console.view_routes import routes as view_routes
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.devices.approval_routes import routes as approval_routes
from passmuster_server.devices.routes import routes as devices_routes
from passmuster_server.elsewhere import changes_elsewhere
from passmuster_server.evidence.gathering import Gathering
from passmuster_server.evidence.routes import routes as evidence_routes
from passmuster_server.fleet.actions import routes as fleet_action_routes
from passmuster_server.fleet.index import FleetIndex
from passmuster_server.fleet.routes import routes as fleet_routes
from passmuster_server.gate.routes import routes as gate_routes
from passmuster_server.metrics_listener import MetricsListener
from passmuster_server.openid.relying_party import RelyingParty
from passmuster_server.openid.routes import routes as openid_return_routes
from passmuster_server.policy.deadlines import Deadlines
from passmuster_server.policy.rejudging import Rejudging
from passmuster_server.policy.service import Policies
from passmuster_server.policy.standing import Standing
from passmuster_server.policy.standings import Standings
from passmuster_server.privacy.retention import Retention
from passmuster_server.privacy.routes import routes as privacy_routes
from passmuster_server.proof.routes import routes as proof_routes
from passmuster_server.readiness import routes as readiness_routes
from passmuster_server.reports.routes import routes as reports_routes
from passmuster_server.services import Load, Services
from passmuster_server.signing.routes import routes as signing_routes
from passmuster_server.signing.service import SigningKeys
from passmuster_server.spans import NoSpans
from passmuster_server.ssf.routes import routes as ssf_routes
from passmuster_server.web.assets import routes as asset_routes
from passmuster_server.web.problems import (
    TITLES,
    RefusalError,
    on_contract_error,
    on_refusal,
    on_store_unavailable,
    problem_response,
)

if TYPE_CHECKING:
    from passmuster_server.telemetry import Telemetry

# Routes are tried in this order: those that are asked thousands of times a second come first.
AREAS = (
    gate_routes,
    reports_routes,
    devices_routes,
    approval_routes,
    proof_routes,
    privacy_routes,
    accounts_routes,
    password_routes,
    passkey_routes,
    openid_routes,
    openid_return_routes,
    fleet_routes,
    fleet_action_routes,
    view_routes,
    trend_routes,
    usb_routes,
    alert_page_routes,
    enrolment_page_routes,
    group_policy_routes,
    policy_routes,
    audit_routes,
    evidence_routes,
    signing_routes,
    ssf_routes,
    alert_routes,
    api_routes,
)

_log = logging.getLogger(__name__)


def create_app(config: Config, clock: Clock = utc_now) -> Starlette:
    """Return the application. Its start raises `SchemaError` where `migrate` has to run first."""
    telemetry = _telemetry(config)
    database = (telemetry.database if telemetry else Database)(config.database_url)
    standings = Standings()
    policies = Policies(database, standings, clock)
    rejudging = Rejudging(database, policies)
    loadings: list[Load] = []
    changes = changes_elsewhere(database, policies, standings, rejudging, loadings)
    deadlines = Deadlines(database, standings, policies, clock)
    signing = SigningKeys(database, clock)
    services = Services(
        config,
        database,
        clock,
        standings,
        policies,
        changes.in_touch,
        signing,
        FleetIndex(standings, clock),
        TrendsOfFleets(database, standings, clock),
        Gathering(database, standings, clock),
        telemetry or NoSpans(),
        None if config.openid is None else RelyingParty(config.openid, clock, config.public_url),
        loadings=loadings,
    )
    retention = Retention(
        database,
        clock,
        history=timedelta(days=config.history_days),
        decisions=timedelta(days=config.decision_days),
    )
    for task in (deadlines.task, rejudging.task, changes.task, retention.task):
        services.run_beside(task)
    database.on_commit = services.metrics.committed
    services.metrics.watch(
        waiting=lambda: database.waiting, devices=services.fleet.totals, tasks=services.tasks
    )
    listener = None
    if config.metrics_listen is not None:
        listener = MetricsListener(services.metrics, config.metrics_listen)
        services.run_beside(listener.task)
    routes: list[BaseRoute] = []
    for area in AREAS:
        routes.extend(area(services))
    routes += [
        Route("/", _home, methods=["GET"]),
        *readiness_routes(services),
        *asset_routes(),
    ]

    def load(connection: Connection) -> list[Standing]:
        migrations.check(connection)
        if isinstance(changes, ChangeWatch):
            changes.start_from(connection)
        for load_more in loadings:
            load_more(connection, None)
        return policies.load(connection)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        database.start()
        for standing in await database.read(load):
            standings.put(standing)
        if listener is not None:
            listener.bind()
        for task in services.tasks:
            task.start()
        _log.info("ready on %s", config.public_url)
        yield
        for task in reversed(services.tasks):
            await task.stop()
        await database.stop()
        if telemetry is not None:
            await asyncio.to_thread(telemetry.stop)

    app = Application(
        # Traces are made by the middleware, which every request then has to go through.
        {} if telemetry else services.doors,
        middleware=[Middleware(telemetry.requests)] if telemetry else [],
        routes=routes,
        lifespan=lifespan,
        on_mistake=_on_mistake,
        exception_handlers={
            RefusalError: on_refusal,
            ContractError: on_contract_error,
            StoreUnavailableError: on_store_unavailable,
            HTTPException: _on_http_error,
        },
    )
    app.state.services = services
    return app


def _telemetry(config: Config) -> "Telemetry | None":
    if not config.traces_endpoint:
        return None
    # Nothing of it is imported where nobody asks for it.
    from passmuster_server.telemetry import Telemetry  # noqa: PLC0415

    return Telemetry(config.traces_endpoint, config.traces_percent)


async def _home(_: Request) -> Response:
    return RedirectResponse("/fleet", 303)


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    status = error.status_code
    title = TITLES.get(status, "Refused")
    code = {404: "not_found", 405: "wrong_method"}.get(status, "refused")
    return problem_response(Problem(title, status, code, title + "."), error.headers)


async def _on_mistake(_: Request, error: Exception) -> Response:
    # The log names the kind of mistake; what the request held is nobody's to read there.
    _log.error("a request failed: %s", type(error).__name__)
    return problem_response(
        Problem("Our mistake", 500, "internal", "The server made a mistake. It is in its log.")
    )
