"""The policy, for programs: read, tried on the fleet, published, and put back."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found, tag_of
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.api.policy_messages import (
    MAX_BODY,
    MovedDevice,
    MovedDevices,
    NewPolicy,
    PolicyDraft,
    PolicySimulation,
    PolicyVersion,
    PolicyVersionList,
    PublishedPolicy,
    Rollback,
    VersionPath,
)
from passmuster_server.audit.record import record
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import FLEET_MANAGE, FLEET_READ, POLICY_MANAGE
from passmuster_server.policy import publishing, store
from passmuster_server.policy.document import DocumentError, Policy
from passmuster_server.policy.simulation import Moved, simulate
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/policy"
MAX_SHOWN = 200


class PolicyInForce:
    """Reads the policy and changes it. A change goes on record in the caller's name."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._simulating = services.simulating
        self._public_url = services.config.public_url

    async def read(self, call: Call[Nothing, Nothing, Nothing]) -> PublishedPolicy:
        """Return the policy in force. Raises `RefusalError` 404 before one was published."""
        return await self._database.read(partial(_in_force, organisation=call.organisation))

    async def versions(self, call: Call[Nothing, PageQuery, Nothing]) -> PolicyVersionList:
        """Return one page of what was published, the newest first."""
        rows = await self._database.read(
            lambda connection: store.published_policies(connection, call.organisation)
        )
        page, following = page_of(
            rows, _newest_first, call.query, f"{self._public_url}{PATH}/versions"
        )
        return PolicyVersionList(
            [PolicyVersion(row.version, row.published_at, row.published_by) for row in page],
            following,
        )

    async def version(self, call: Call[VersionPath, Nothing, Nothing]) -> PublishedPolicy:
        """Return one version. Raises `RefusalError` 404."""
        return _published(await self._database.read(partial(_version, call, call.path.version)))

    async def simulate(self, call: Call[Nothing, Nothing, PolicyDraft]) -> PolicySimulation:
        """Return what a document would do, and change nothing. Raises `ContractError`."""

        def read(connection: Connection) -> PolicySimulation:
            policy = _checked(connection, call, call.body.document)
            found = simulate(connection, call.organisation, policy, call.now)
            return PolicySimulation(
                found.devices,
                moved_devices(found.shut_out),
                moved_devices(found.warned),
                moved_devices(found.let_in),
            )

        async with self._simulating:
            return await self._database.read(read)

    async def publish(self, call: Call[Nothing, Nothing, NewPolicy]) -> PublishedPolicy:
        """Put a document in force. Raises `ContractError`, `RefusalError` 409, 412."""
        given, most = call.body, call.body.shuts_out_at_most

        def check(connection: Connection) -> Policy:
            return _checked(connection, call, given.document)

        def count(connection: Connection) -> int:
            found = simulate(connection, call.organisation, check(connection), call.now)
            return len(found.shut_out)

        # Before the writer, because it takes a while and others write meanwhile.
        if isinstance(most, int):
            async with self._simulating:
                number = await self._database.read(count)
            if number > most:
                raise RefusalError(
                    409,
                    "shuts_out_too_many",
                    f"It would shut out {number} laptops, more than {most}.",
                    field="shuts_out_at_most",
                )
        else:
            await self._database.read(check)
        return await self._put_in_force(call, given.document)

    async def roll_back(self, call: Call[Nothing, Nothing, Rollback]) -> PublishedPolicy:
        """Put an earlier document in force. Raises `ContractError`, `RefusalError` 404, 412."""
        version = call.body.version
        row = await self._database.read(partial(_version, call, version))
        return await self._put_in_force(call, row.document, publishing.again(version))

    async def _put_in_force(
        self, call: Call[Any, Any, Any], document: str, note: str = ""
    ) -> PublishedPolicy:
        def work(transaction: Transaction) -> PublishedPolicy:
            connection = transaction.connection
            in_force = _in_force(connection, call.organisation)
            check_match(call, in_force)
            # The groups may be others than a moment ago.
            _checked(connection, call, document)
            _, event = publishing.publish(
                connection,
                call.organisation,
                document,
                call.actor,
                call.now,
                instead_of=in_force.version,
                note=note,
            )
            record(connection, call.organisation, event, call.now)
            return _in_force(connection, call.organisation)

        try:
            return await self._database.write(work)
        except publishing.OvertakenError:
            raise changed() from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    policy = PolicyInForce(services)
    reads, changes = (FLEET_READ, FLEET_MANAGE, POLICY_MANAGE), (POLICY_MANAGE,)
    # It names groups and says what each of them is held to.
    about_all = partial(Operation, of_everyone=True)
    made = partial(about_all, method="POST", max_body=MAX_BODY, makes_nothing=True)
    return (
        about_all(
            "getPolicy",
            PATH,
            "The policy in force, as it was published",
            reads,
            Nothing,
            Nothing,
            Nothing,
            PublishedPolicy,
            policy.read,
        ),
        about_all(
            "publishPolicy",
            PATH,
            "Put a document in force; every laptop is judged by it within seconds",
            changes,
            Nothing,
            Nothing,
            NewPolicy,
            PublishedPolicy,
            policy.publish,
            method="PUT",
            max_body=MAX_BODY,
            needs_match=True,
        ),
        about_all(
            "listPolicyVersions",
            f"{PATH}/versions",
            "Every version that was published, the newest first",
            reads,
            Nothing,
            PageQuery,
            Nothing,
            PolicyVersionList,
            policy.versions,
        ),
        about_all(
            "getPolicyVersion",
            f"{PATH}/versions/{{version}}",
            "One version, as it was published",
            reads,
            VersionPath,
            Nothing,
            Nothing,
            PublishedPolicy,
            policy.version,
        ),
        made(
            "simulatePolicy",
            f"{PATH}/simulations",
            "What a document would do to the fleet as it last reported; nothing is changed or kept",
            changes,
            Nothing,
            Nothing,
            PolicyDraft,
            PolicySimulation,
            policy.simulate,
        ),
        made(
            "rollBackPolicy",
            f"{PATH}/rollbacks",
            "Put the document of an earlier version in force again, as a new version",
            changes,
            Nothing,
            Nothing,
            Rollback,
            PublishedPolicy,
            policy.roll_back,
            needs_match=True,
        ),
    )


def _in_force(connection: Connection, organisation: str) -> PublishedPolicy:
    for row in store.newest_policies(connection):
        if row.organisation_id == organisation:
            return _published(row)
    raise not_found("policy")


def _version(call: Call[Any, Any, Any], version: int, connection: Connection) -> Row[Any]:
    row = store.find_policy(connection, call.organisation, version)
    if row is None:
        raise not_found("version")
    return row


def _published(row: Row[Any]) -> PublishedPolicy:
    return PublishedPolicy(row.version, row.document, row.published_at, row.published_by)


def _checked(connection: Connection, call: Call[Any, Any, Any], document: str) -> Policy:
    try:
        return publishing.checked(connection, call.organisation, document)
    except DocumentError as error:
        where = "" if error.line is None else f"line {error.line}: "
        raise ContractError(error.field, where + error.problem) from None


def check_match(call: Call[Any, Any, Any], there: Struct) -> None:
    """Raise `RefusalError` 412 unless the caller knows what is in force."""
    tag = tag_of(msgspec.json.encode(there))
    # A proxy that compresses marks a tag as weak; the policy behind it is the same.
    known = [each.strip().removeprefix("W/") for each in call.if_match.split(",")]
    if "*" not in known and tag not in known:
        raise changed()


def changed() -> RefusalError:
    """Return the refusal for a policy that has been exchanged meanwhile."""
    return RefusalError(
        412, "changed", "Another policy is in force by now. Read it, and decide again."
    )


def _newest_first(row: Row[Any]) -> str:
    return f"{2**31 - row.version:010d}"


def moved_devices(moved: Sequence[Moved]) -> MovedDevices:
    """Return what a simulation says of some devices."""
    told = [
        MovedDevice(
            each.device,
            each.owner,
            each.computer_name,
            each.before,
            each.after,
            [f"{reason.signal}: {reason.admin}" for reason in each.reasons],
        )
        for each in moved[:MAX_SHOWN]
    ]
    return MovedDevices(len(moved), told)
