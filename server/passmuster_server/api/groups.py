"""Groups, and which device is in which, for programs."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api import devices
from passmuster_server.api.bounds import group_of
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.groups_messages import FleetGroup, GroupList, NewGroup, Placement
from passmuster_server.api.messages import DevicePath, Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.changes import announce
from passmuster_server.database import Transaction
from passmuster_server.devices import groups, store
from passmuster_server.devices.groups import GroupError, GroupExistsError, GroupKind
from passmuster_server.gate.callers import FLEET_MANAGE, FLEET_READ, GROUPS_MANAGE
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/groups"


class Groups:
    """Reads and makes groups, and puts devices into them. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> GroupList:
        """Return one page of the groups that are there for the caller."""
        rows, counts = await self._database.read(
            lambda connection: (
                groups.groups_of(connection, call.organisation),
                groups.devices_by_group(connection, call.organisation),
            )
        )
        seen = [row for row in rows if call.sees(row.group_id)]
        page, following = page_of(seen, _by_name, call.query, self._public_url + PATH)
        return GroupList([_told(row, counts.get(row.group_id, 0)) for row in page], following)

    async def make(self, call: Call[Nothing, Nothing, NewGroup]) -> FleetGroup:
        """Make a group. Raises `ContractError`, `RefusalError` 409."""
        given = call.body
        name = given.name.strip()

        def work(transaction: Transaction) -> Row[Any]:
            connection = transaction.connection
            groups.create_group(
                connection, call.organisation, name, given.kind, call.now, given.owner_domains
            )
            details = {"owner_domains": given.owner_domains}
            event = Event(Action.GROUP_CREATED, call.actor, subject=name, details=details)
            record(connection, call.organisation, event, call.now)
            return groups.find_group(connection, call.organisation, name)

        try:
            return _told(await self._database.write(work), 0)
        except GroupExistsError as error:
            raise RefusalError(409, "exists", _problem(error), field="name") from None
        except GroupError as error:
            raise ContractError(str(error).partition(": ")[0], _problem(error)) from None

    async def place(self, call: Call[DevicePath, Nothing, Placement]) -> None:
        """Put a device into a group, say whose it is. Raises `ContractError`, `RefusalError`."""
        given, device = call.body, call.path.device
        if given.group is UNSET and given.ownership is UNSET:
            raise ContractError("", "name a group, an ownership or both")

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            found = store.find_device(connection, call.organisation, device)
            if found is None or not call.sees(found.group_id):
                raise not_found("device")
            # Into one of its own groups only, where the caller is confined.
            group = None if given.group is UNSET else group_of(call, connection, given.group)
            owner = groups.place_device(
                connection,
                call.organisation,
                device,
                group=group.group_id if group is not None else None,
                ownership=given.ownership or None,
            )
            announce(connection, call.organisation, device)
            details = {"group": group.name} if group is not None else {}
            if given.ownership is not UNSET:
                details["ownership"] = given.ownership.value
            event = Event(
                Action.DEVICE_MOVED, call.actor, subject=device, person=owner, details=details
            )
            record(connection, call.organisation, event, call.now)

        await self._database.write(work)


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = Groups(services)
    return (
        Operation(
            "listGroups",
            PATH,
            "The groups by name, and how many devices each has",
            (FLEET_READ, FLEET_MANAGE, GROUPS_MANAGE),
            Nothing,
            PageQuery,
            Nothing,
            GroupList,
            made.many,
        ),
        Operation(
            "makeGroup",
            PATH,
            "Make a group for a team, or for an outsourced company",
            (GROUPS_MANAGE,),
            Nothing,
            Nothing,
            NewGroup,
            FleetGroup,
            made.make,
            method="POST",
            of_everyone=True,
        ),
        Operation(
            "placeDevice",
            f"{devices.PATH}/{{device}}",
            "Put this device into a group, or say whose property it is",
            (GROUPS_MANAGE,),
            DevicePath,
            Nothing,
            Placement,
            None,
            made.place,
            method="PATCH",
        ),
    )


def find_seen(call: Call[Any, Any, Any], connection: Connection, group: str) -> Row[Any]:
    """Return the group of an id. Raises `RefusalError` 404 where the caller does not see it."""
    for row in groups.groups_of(connection, call.organisation):
        if row.group_id == group and call.sees(group):
            return row
    raise not_found("group")


def _by_name(row: Row[Any]) -> str:
    return f"{row.name.casefold()}\0{row.group_id}"


def _told(row: Row[Any], count: int) -> FleetGroup:
    return FleetGroup(
        row.group_id,
        row.name,
        GroupKind(row.kind),
        row.created_at,
        count,
        row.owner_domains.split(),
    )


def _problem(error: GroupError) -> str:
    return str(error).partition(": ")[2]
