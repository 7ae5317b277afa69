"""What is allowed and forbidden beside the policy, for programs: USB devices and networks."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.allowances_messages import (
    Allowance,
    AllowanceList,
    AllowancePath,
    NewAllowance,
)
from passmuster_server.api.bounds import group_of
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.record import record
from passmuster_server.database import Transaction
from passmuster_server.devices import store
from passmuster_server.gate.callers import FLEET_MANAGE, FLEET_READ
from passmuster_server.policy import allowances, networks
from passmuster_server.policy.allowances import AllowanceError, AllowanceKind, Scope
from passmuster_server.policy.exception_commands import ended_event, granted_event
from passmuster_server.services import Services

PATH = f"{PREFIX}/allowances"

_VALUES: Mapping[AllowanceKind, Callable[[str], str]] = {
    AllowanceKind.USB_DEVICE: allowances.device_value,
    AllowanceKind.USB_FORBIDDEN: allowances.device_value,
    AllowanceKind.USB_CLASS: allowances.class_value,
    AllowanceKind.NETWORK: allowances.network_value,
}


class Allowances:
    """Reads, grants and ends them. Each change goes on record in the caller's name."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> AllowanceList:
        """Return one page; a caller that is confined sees what is about its groups alone."""
        rows = await self._database.read(
            lambda connection: [
                row
                for row in allowances.all_allowances(connection, call.organisation)
                if _lasts(row, call.now) and self._sees(call, row)
            ]
        )
        page, following = page_of(rows, _newest_first, call.query, self._public_url + PATH)
        return AllowanceList([_told(row) for row in page], following)

    async def grant(self, call: Call[Nothing, Nothing, NewAllowance]) -> Allowance:
        """Grant one. Raises `ContractError`."""
        given = call.body
        if given.device is not UNSET and given.group is not UNSET:
            raise ContractError("group", "name a device or a group, not both")

        def work(transaction: Transaction) -> Row[Any]:
            connection = transaction.connection
            scope, group = self._scope(call, connection)
            until = None if given.until is UNSET else _utc(given.until)
            new = allowances.NewAllowance(
                given.kind, _value(call, connection), scope, given.name, given.reason, until
            )
            granted = allowances.grant(connection, call.organisation, new, call.actor, call.now)
            event = granted_event(new, granted, group, call.actor)
            record(connection, call.organisation, event, call.now)
            return _find(call, connection, granted.allowance)

        try:
            return _told(await self._database.write(work))
        except AllowanceError as error:
            field, _, problem = str(error).partition(": ")
            shown = field if field in NewAllowance.__struct_fields__ else "value"
            raise ContractError(shown, problem or field) from None

    async def end(self, call: Call[AllowancePath, Nothing, Nothing]) -> None:
        """End one before its time. Raises `RefusalError` 404."""
        allowance = call.path.allowance

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            if not self._sees(call, _find(call, connection, allowance)):
                raise not_found("allowance in force")
            ended = allowances.end(connection, call.organisation, allowance, call.actor, call.now)
            record(connection, call.organisation, ended_event(ended, call.actor), call.now)

        try:
            await self._database.write(work)
        except AllowanceError:
            raise not_found("allowance in force") from None

    def _scope(
        self, call: Call[Nothing, Nothing, NewAllowance], connection: Connection
    ) -> tuple[Scope, str | None]:
        """Return for whom it counts, and the group's name. Raises `ContractError`."""
        given = call.body
        if given.device is not UNSET:
            found = store.find_device(connection, call.organisation, given.device)
            if found is None or not call.sees(found.group_id):
                raise ContractError("device", "there is no such device")
            return Scope(device=given.device), None
        group = group_of(call, connection, given.group)
        return (Scope(), None) if group is None else (Scope(group=group.group_id), group.name)

    def _sees(self, call: Call[Any, Any, Any], row: Row[Any]) -> bool:
        if call.client.groups is None:
            return True
        if row.device_id is None:
            return row.group_id is not None and call.sees(row.group_id)
        standing = self._services.standings.of_device(call.organisation, row.device_id)
        return standing is not None and call.sees(standing.group)


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = Allowances(services)
    reads = (FLEET_READ, FLEET_MANAGE)
    return (
        Operation(
            "listAllowances",
            PATH,
            "The USB devices and networks that are allowed or forbidden beside the policy",
            reads,
            Nothing,
            PageQuery,
            Nothing,
            AllowanceList,
            made.many,
        ),
        Operation(
            "grantAllowance",
            PATH,
            "Allow or forbid a USB device, a class of them or a network",
            (FLEET_MANAGE,),
            Nothing,
            Nothing,
            NewAllowance,
            Allowance,
            made.grant,
            method="POST",
        ),
        Operation(
            "endAllowance",
            f"{PATH}/{{allowance}}",
            "End one before its time",
            (FLEET_MANAGE,),
            AllowancePath,
            Nothing,
            Nothing,
            None,
            made.end,
            method="DELETE",
        ),
    )


def _value(call: Call[Nothing, Nothing, NewAllowance], connection: Connection) -> str:
    given = call.body
    if given.ssid is not UNSET:
        if given.kind is not AllowanceKind.NETWORK or given.value is not UNSET:
            raise ContractError("ssid", "is for a network, in place of its value")
        return networks.hash_of(connection, call.organisation, given.ssid)
    if given.value is UNSET:
        raise ContractError("value", "missing")
    return _VALUES[given.kind](given.value)


def _find(call: Call[Any, Any, Any], connection: Connection, allowance: str) -> Row[Any]:
    for row in allowances.all_allowances(connection, call.organisation):
        if row.allowance_id == allowance:
            return row
    raise not_found("allowance in force")


def _lasts(row: Row[Any], now: datetime) -> bool:
    return row.ended_at is None and (row.expires_at is None or row.expires_at > now)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ContractError("until", "say the time zone, such as 2027-01-31T00:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ContractError("until", "beyond the times there are in UTC") from None


def _newest_first(row: Row[Any]) -> str:
    return f"{2**53 - int(row.granted_at.timestamp() * 1_000_000):016d}{row.allowance_id}"


def _told(row: Row[Any]) -> Allowance:
    return Allowance(
        row.allowance_id,
        AllowanceKind(row.kind),
        row.value,
        row.name,
        row.device_id,
        row.group_id,
        row.reason,
        row.granted_by,
        row.granted_at,
        row.expires_at,
    )
