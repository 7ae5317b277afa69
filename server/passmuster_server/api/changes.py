"""What programs change about a laptop: waivers, a fresh report, and taking it out of service."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.devices import PATH
from passmuster_server.api.endpoint import Call, Operation, not_found
from passmuster_server.api.messages import (
    DevicePath,
    NewStatus,
    NewWaiver,
    Nothing,
    Waiver,
    WaiverPath,
)
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Database, Transaction
from passmuster_server.devices import store
from passmuster_server.fleet import changes
from passmuster_server.gate.callers import FLEET_MANAGE, PRIVACY_MANAGE
from passmuster_server.policy.waivers import WaiverError
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

T = TypeVar("T")


class Changes:
    """Makes changes. Each goes on record, in the same transaction, in the caller's name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waive(self, call: Call[DevicePath, Nothing, NewWaiver]) -> Waiver:
        """Grant a waiver. Raises `RefusalError` 404, `ContractError`."""
        given, device = call.body, call.path.device

        def change(connection: Connection) -> tuple[Waiver, Event]:
            granted, event = changes.waive(
                connection,
                call.organisation,
                device,
                given.signal,
                given.reason,
                given.days,
                call.actor,
                call.now,
            )
            expires_at = call.now + timedelta(days=given.days)
            reason = given.reason.strip()
            waiver = Waiver(
                granted.waiver, granted.signal, reason, call.actor, call.now, expires_at
            )
            return waiver, event

        try:
            return await self._change(call, change)
        except WaiverError as error:
            field, _, problem = str(error).partition(": ")
            raise ContractError(field, problem) from None

    async def end_waiver(self, call: Call[WaiverPath, Nothing, Nothing]) -> None:
        """End a waiver before its time. Raises `RefusalError` 404."""

        def change(connection: Connection) -> tuple[None, Event]:
            path = call.path
            return None, changes.end_waiver(
                connection, call.organisation, path.device, path.waiver, call.actor, call.now
            )

        try:
            await self._change(call, change)
        except WaiverError:
            raise not_found("waiver in force") from None

    async def erase(self, call: Call[DevicePath, Nothing, Nothing]) -> None:
        """Delete all that is stored of a device. Raises `RefusalError` 404."""

        def change(connection: Connection) -> tuple[None, Event]:
            return None, changes.erase(connection, call.organisation, call.path.device, call.actor)

        await self._change(call, change)

    async def take_out(self, call: Call[DevicePath, Nothing, NewStatus]) -> None:
        """Take a device out of service. Raises `RefusalError` 404, 409."""

        def change(connection: Connection) -> tuple[None, Event]:
            return None, changes.take_out(
                connection, call.organisation, call.path.device, call.body.status, call.actor
            )

        try:
            await self._change(call, change)
        except changes.StaysOutError:
            raise RefusalError(
                409, "out_of_service", "The device is not in service, and stays so."
            ) from None

    async def ask_report(self, call: Call[DevicePath, Nothing, Nothing]) -> None:
        """Ask for a fresh report at the next contact. Raises `RefusalError` 404, 409."""

        def change(connection: Connection) -> tuple[None, Event]:
            return None, changes.ask_report(
                connection, call.organisation, call.path.device, call.actor, call.now
            )

        try:
            await self._change(call, change)
        except changes.NotHeardError:
            raise RefusalError(
                409, "not_heard", "The device is out of service, or has not reported yet."
            ) from None

    async def _change(
        self,
        call: Call[Any, Nothing, Any],
        change: Callable[[Connection], tuple[T, Event]],
    ) -> T:
        organisation, device = call.organisation, call.path.device

        def work(transaction: Transaction) -> T:
            connection = transaction.connection
            found = store.find_device(connection, organisation, device)
            if found is None or not call.sees(found.group_id):
                raise not_found("device")
            done, event = change(connection)
            record(connection, organisation, event, call.now)
            return done

        return await self._database.write(work)


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = Changes(services.database)
    return (
        Operation(
            "grantWaiver",
            f"{PATH}/{{device}}/waivers",
            "Let a signal shut this device out no more for some days",
            (FLEET_MANAGE,),
            DevicePath,
            Nothing,
            NewWaiver,
            Waiver,
            made.waive,
            method="POST",
        ),
        Operation(
            "endWaiver",
            f"{PATH}/{{device}}/waivers/{{waiver}}",
            "End a waiver before its time",
            (FLEET_MANAGE,),
            WaiverPath,
            Nothing,
            Nothing,
            None,
            made.end_waiver,
            method="DELETE",
        ),
        Operation(
            "askForReport",
            f"{PATH}/{{device}}/report-request",
            "Let this device read everything anew and report it, as soon as it is heard again",
            (FLEET_MANAGE,),
            DevicePath,
            Nothing,
            Nothing,
            None,
            made.ask_report,
            method="POST",
        ),
        Operation(
            "takeOutOfService",
            f"{PATH}/{{device}}/status",
            "Take this device out of service: it is lost, retired, or revoked",
            (FLEET_MANAGE,),
            DevicePath,
            Nothing,
            NewStatus,
            None,
            made.take_out,
            method="POST",
        ),
        Operation(
            "eraseDevice",
            f"{PATH}/{{device}}",
            "Delete all that is stored of this device; it must then be enrolled anew",
            (PRIVACY_MANAGE,),
            DevicePath,
            Nothing,
            Nothing,
            None,
            made.erase,
            method="DELETE",
            of_everyone=True,
        ),
    )
