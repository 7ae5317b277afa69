"""What IT changes on a laptop's page: waivers, approval, and taking it out of service."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server.accounts.guard import Guard
from passmuster_server.accounts.roles import Permission
from passmuster_server.accounts.sessions import Session
from passmuster_server.audit.record import Event
from passmuster_server.console.changing import Changing
from passmuster_server.devices import store
from passmuster_server.devices.admission import NotYoursError, approve, check_owner
from passmuster_server.devices.in_service import NotPendingError
from passmuster_server.fleet import changes
from passmuster_server.fleet.changes import (
    STATUSES,
    NoDeviceError,
    NotHeardError,
    StaysOutError,
)
from passmuster_server.policy import waivers
from passmuster_server.policy.demands import JUDGED
from passmuster_server.policy.standings import Standings
from passmuster_server.policy.waivers import WaiverError
from passmuster_server.services import Services

TITLES: Mapping[str, str] = {signal.id: signal.title for signal in JUDGED}


class DeviceActions:
    """Takes the forms of a laptop's page. Every change needs a sign-in of the last minutes."""

    def __init__(self, changing: Changing, standings: Standings) -> None:
        self._changing = changing
        self._standings = standings

    async def waive(self, request: Request, session: Session) -> Response:
        """Grant a waiver."""
        device = request.path_params["device"]

        def change(connection: Connection, fields: Mapping[str, str], now: datetime) -> Event:
            signal, reason = fields.get("signal", ""), fields.get("reason", "")
            days = _days(fields.get("days", ""))
            _, event = changes.waive(
                connection, session.organisation, device, signal, reason, days, session.email, now
            )
            return event

        return await self._change(request, session, change)

    async def end_waiver(self, request: Request, session: Session) -> Response:
        """End a waiver before its time."""
        device, waiver = request.path_params["device"], request.path_params["waiver"]

        def change(connection: Connection, _: Mapping[str, str], now: datetime) -> Event:
            return changes.end_waiver(
                connection, session.organisation, device, waiver, session.email, now
            )

        return await self._change(request, session, change)

    async def take_out(self, request: Request, session: Session) -> Response:
        """Retire or revoke the laptop, or note that it is lost."""
        device = request.path_params["device"]

        def change(connection: Connection, fields: Mapping[str, str], _: datetime) -> Event:
            status = fields.get("status", "")
            self._own(session, connection, device)
            if status not in STATUSES or fields.get("sure") != "yes":
                raise WaiverError("Choose what it is to be, and tick that you are sure.")
            return changes.take_out(connection, session.organisation, device, status, session.email)

        return await self._change(request, session, change)

    async def ask_report(self, request: Request, session: Session) -> Response:
        """Ask for a fresh report at the laptop's next contact."""
        device = request.path_params["device"]

        def change(connection: Connection, _: Mapping[str, str], now: datetime) -> Event:
            return changes.ask_report(connection, session.organisation, device, session.email, now)

        return await self._change(request, session, change)

    async def erase(self, request: Request, session: Session) -> Response:
        """Delete all that is stored of the laptop."""
        device = request.path_params["device"]

        def change(connection: Connection, fields: Mapping[str, str], _: datetime) -> Event:
            if fields.get("sure") != "yes":
                raise WaiverError("Tick that you are sure.")
            return changes.erase(connection, session.organisation, device, session.email)

        return await self._change(request, session, change, then="/fleet")

    async def approve(self, request: Request, session: Session) -> Response:
        """Put the laptop in service, which waits for that."""
        device = request.path_params["device"]

        def change(connection: Connection, _: Mapping[str, str], __: datetime) -> Event:
            owner = self._own(session, connection, device)
            groups = None if session.group is None else frozenset({session.group})
            check_owner(connection, self._standings, session.organisation, owner, groups)
            return approve(connection, session.organisation, device, session.email)

        return await self._change(request, session, change)

    def _own(self, session: Session, connection: Connection, device: str) -> str:
        """Return whose device it is. Raises `NoDeviceError` where the visitor sees none."""
        found = store.find_device(connection, session.organisation, device)
        if found is None or session.group not in (None, found.group_id):
            raise NoDeviceError
        return str(found.owner)

    async def _change(
        self, request: Request, session: Session, change: Any, *, then: str | None = None
    ) -> Response:
        fields = await self._changing.fields(request)
        back = f"/fleet/devices/{quote(request.path_params['device'])}"
        try:
            return await self._changing.make(
                request,
                session,
                back,
                lambda connection, now: change(connection, fields, now),
                place="#actions",
                then=then,
            )
        except (NotPendingError, NotYoursError, WaiverError) as error:
            return self._changing.refused(request, session, back, str(error))
        except NotHeardError:
            told = "This laptop is out of service, or has not reported yet: it can't be asked."
            return self._changing.refused(request, session, back, told)
        except StaysOutError:
            told = "This laptop is not in service, and stays so."
            return self._changing.refused(request, session, back, told)
        except NoDeviceError:
            told = "There is no such laptop."
            return self._changing.refused(request, session, "/fleet", told, 404)


def routes(services: Services) -> list[Route]:
    """Return the routes."""
    guard = Guard(services.database, services.clock, services.config.public_url)
    actions = DeviceActions(Changing(services), services.standings)
    return [
        Route(
            "/fleet/devices/{device}/waivers",
            guard.protect(actions.waive, Permission.WAIVE),
            methods=["POST"],
        ),
        Route(
            "/fleet/devices/{device}/waivers/{waiver}",
            guard.protect(actions.end_waiver, Permission.WAIVE),
            methods=["POST"],
        ),
        Route(
            "/fleet/devices/{device}/status",
            guard.protect(actions.take_out, Permission.CHANGE_DEVICES, minds_groups=True),
            methods=["POST"],
        ),
        Route(
            "/fleet/devices/{device}/report",
            guard.protect(actions.ask_report, Permission.ASK_REPORT),
            methods=["POST"],
        ),
        Route(
            "/fleet/devices/{device}/erasure",
            guard.protect(actions.erase, Permission.CHANGE_DEVICES),
            methods=["POST"],
        ),
        Route(
            "/fleet/devices/{device}/approval",
            guard.protect(actions.approve, Permission.CHANGE_DEVICES, minds_groups=True),
            methods=["POST"],
        ),
    ]


def waivers_in_force(rows: Sequence[Row[Any]], now: datetime) -> list[tuple[Row[Any], str]]:
    """Return each waiver of a device that lasts, with its signal's title."""
    return [
        (row, TITLES.get(row.signal, row.signal))
        for row in rows
        if row.ended_at is None and row.expires_at > now
    ]


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= waivers.LONGEST.days:
        raise WaiverError(f"days: expected 1 to {waivers.LONGEST.days}")
    return int(text)
