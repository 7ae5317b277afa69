"""To which groups a caller is confined, where it says or leaves out a group."""

from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.api.endpoint import Call
from passmuster_server.devices import admission
from passmuster_server.devices.groups import groups_of
from passmuster_server.policy.standings import Standings
from passmuster_server.web.problems import RefusalError


def group_of(
    call: Call[Any, Any, Any], connection: Connection, given: str | UnsetType
) -> Row[Any] | None:
    """Return the group of an id, None where none is given and the caller is not confined.

    One that is confined to a single group need not name it. Raises `ContractError` for a group that
    is not there for the caller.
    """
    seen = {
        row.group_id: row
        for row in groups_of(connection, call.organisation)
        if call.sees(row.group_id)
    }
    if given is not UNSET:
        if given not in seen:
            raise ContractError("group", "there is no such group")
        return seen[given]
    if call.client.groups is None:
        return None
    if len(seen) != 1:
        raise ContractError("group", "the caller is confined to groups: name one of them")
    return next(iter(seen.values()))


def check_owner(
    call: Call[Any, Any, Any], connection: Connection, standings: Standings, owner: str
) -> None:
    """Raise `RefusalError` 403 where a confined caller decides about a person of others."""
    try:
        admission.check_owner(connection, standings, call.organisation, owner, call.client.groups)
    except admission.NotYoursError as error:
        raise RefusalError(403, "not_yours", str(error), field="owner") from None


def check_domain(
    call: Call[Any, Any, Any], connection: Connection, domain: str | UnsetType
) -> None:
    """Raise `RefusalError` 403 where a confined caller lets people of other domains in."""
    given = None if domain is UNSET else domain
    try:
        admission.check_domain(connection, call.organisation, given, call.client.groups)
    except admission.NotYoursError as error:
        raise RefusalError(403, "not_yours", str(error), field="owner_domain") from None
