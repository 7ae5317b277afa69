"""The policy in force, for programs."""

from collections.abc import Sequence
from typing import Any

from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing, PublishedPolicy
from passmuster_server.database import Database
from passmuster_server.gate.callers import FLEET_MANAGE, FLEET_READ
from passmuster_server.policy.store import newest_policies
from passmuster_server.services import Services


class PolicyInForce:
    """Reads the policy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, call: Call[Nothing, Nothing, Nothing]) -> PublishedPolicy:
        """Return the policy in force. Raises `RefusalError` 404 before one was published."""
        for row in await self._database.read(newest_policies):
            if row.organisation_id == call.organisation:
                return PublishedPolicy(
                    row.version, row.document, row.published_at, row.published_by
                )
        raise not_found("policy")


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    return (
        Operation(
            "getPolicy",
            f"{PREFIX}/policy",
            "The policy in force, as it was published",
            (FLEET_READ, FLEET_MANAGE),
            Nothing,
            Nothing,
            Nothing,
            PublishedPolicy,
            PolicyInForce(services.database).read,
            # It names groups and says what each of them is held to.
            of_everyone=True,
        ),
    )
