"""A supplier's own tables of the policy, for programs: they can only be stricter."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api import groups
from passmuster_server.api.endpoint import Call, Operation, not_found
from passmuster_server.api.groups_messages import GroupPath
from passmuster_server.api.messages import Nothing
from passmuster_server.api.policy import changed, check_match, moved_devices
from passmuster_server.api.policy_messages import (
    MAX_TABLES_BODY,
    GroupPolicy,
    GroupPolicyDraft,
    PolicySimulation,
)
from passmuster_server.audit.record import record
from passmuster_server.database import Transaction
from passmuster_server.devices.groups import GroupKind
from passmuster_server.gate.callers import POLICY_MANAGE, POLICY_TIGHTEN
from passmuster_server.policy import publishing
from passmuster_server.policy.document import DocumentError
from passmuster_server.policy.group_tables import tables_of, with_tables
from passmuster_server.policy.simulation import Moved, Simulation, simulate
from passmuster_server.services import Services

PATH = f"{groups.PATH}/{{group}}/policy"


class GroupPolicies:
    """Reads and changes what is demanded of one supplier beside the policy for everybody."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._standings = services.standings
        self._simulating = services.simulating

    async def read(self, call: Call[GroupPath, Nothing, Nothing]) -> GroupPolicy:
        """Return the tables in force. Raises `RefusalError` 404."""
        return await self._database.read(lambda connection: _own(call, connection))

    async def simulate(self, call: Call[GroupPath, Nothing, GroupPolicyDraft]) -> PolicySimulation:
        """Return what tables would do to the group. Raises `ContractError`, `RefusalError`."""

        def read(connection: Connection) -> Simulation:
            name = _supplier(call, connection)
            _, before = publishing.in_force(connection, call.organisation)
            document = with_tables(before, name, call.body.tables)
            policy = publishing.tightened(connection, call.organisation, document, name, before)
            return simulate(connection, call.organisation, policy, call.now)

        async with self._simulating:
            try:
                found = await self._database.read(read)
            except DocumentError as error:
                raise _refused(error) from None
        own = sum(each.group == call.path.group for each in self._standings.all(call.organisation))
        return PolicySimulation(
            own,
            *(
                moved_devices(self._of_group(call, each))
                for each in (found.shut_out, found.warned, found.let_in)
            ),
        )

    async def change(self, call: Call[GroupPath, Nothing, GroupPolicyDraft]) -> GroupPolicy:
        """Put tables in force. Raises `ContractError`, `RefusalError` 404, 412."""

        def work(transaction: Transaction) -> GroupPolicy:
            connection = transaction.connection
            name = _supplier(call, connection)
            version, before = publishing.in_force(connection, call.organisation)
            check_match(call, GroupPolicy(version, tables_of(before, name)))
            document = with_tables(before, name, call.body.tables)
            publishing.tightened(connection, call.organisation, document, name, before)
            _, event = publishing.publish(
                connection,
                call.organisation,
                document,
                call.actor,
                call.now,
                instead_of=version,
                note=f"for the group {name}",
            )
            record(connection, call.organisation, event, call.now)
            return _own(call, connection)

        try:
            return await self._database.write(work)
        except DocumentError as error:
            raise _refused(error) from None
        except publishing.OvertakenError:
            raise changed() from None

    def _of_group(self, call: Call[GroupPath, Any, Any], moved: Sequence[Moved]) -> Sequence[Moved]:
        seen = ((each, self._standings.of_device(call.organisation, each.device)) for each in moved)
        return [each for each, now in seen if now is not None and now.group == call.path.group]


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = GroupPolicies(services)
    scopes = (POLICY_TIGHTEN, POLICY_MANAGE)
    return (
        Operation(
            "getGroupPolicy",
            PATH,
            "What is demanded of this supplier's laptops beside the policy for everybody",
            scopes,
            GroupPath,
            Nothing,
            Nothing,
            GroupPolicy,
            made.read,
        ),
        Operation(
            "changeGroupPolicy",
            PATH,
            "Demand more of this supplier's laptops; less than before is refused",
            scopes,
            GroupPath,
            Nothing,
            GroupPolicyDraft,
            GroupPolicy,
            made.change,
            method="PUT",
            max_body=MAX_TABLES_BODY,
            needs_match=True,
        ),
        Operation(
            "simulateGroupPolicy",
            f"{PATH}/simulations",
            "What such tables would do to this supplier's laptops; nothing is changed or kept",
            scopes,
            GroupPath,
            Nothing,
            GroupPolicyDraft,
            PolicySimulation,
            made.simulate,
            method="POST",
            max_body=MAX_TABLES_BODY,
            makes_nothing=True,
        ),
    )


def _own(call: Call[GroupPath, Any, Any], connection: Connection) -> GroupPolicy:
    name = _supplier(call, connection)
    version, document = publishing.in_force(connection, call.organisation)
    return GroupPolicy(version, tables_of(document, name))


def _supplier(call: Call[GroupPath, Any, Any], connection: Connection) -> str:
    """Return the group's name. Raises `RefusalError` 404 where it is no supplier.

    What a group of the organisation's own demands may also be less: that is the whole policy's.
    """
    group = groups.find_seen(call, connection, call.path.group)
    if group.kind != GroupKind.SUPPLIER:
        raise not_found("supplier")
    return str(group.name)


def _refused(error: DocumentError) -> ContractError:
    return ContractError(error.field or "tables", error.problem)
