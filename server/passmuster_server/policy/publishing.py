"""A document becomes the policy in force: checked against the groups, stored, on record."""

from datetime import datetime

from sqlalchemy import Connection

from passmuster_collectors.contract.canonical import digest
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.changes import announce
from passmuster_server.devices.groups import groups_of
from passmuster_server.policy import store
from passmuster_server.policy.default_document import default_document
from passmuster_server.policy.document import Policy, located, parse
from passmuster_server.policy.strictness import check_groups, check_tightened

MAX_NAMED = 254


class OvertakenError(Exception):
    """Somebody else published since the document was taken: `version` is in force now."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} was published meanwhile")
        self.version = version


def checked(connection: Connection, organisation: str, document: str) -> Policy:
    """Return the policy; what it says has to fit the groups there are. Raises `DocumentError`."""
    policy = parse(document, 0)
    try:
        check_groups(policy, groups_of(connection, organisation))
    except ContractError as error:
        raise located(error, document) from None
    return policy


def tightened(
    connection: Connection, organisation: str, document: str, group: str, before: str
) -> Policy:
    """Return the policy; it has to demand as much of the group as the document before it, or more.

    Raises `DocumentError` where it does not, or does not fit the groups there are.
    """
    policy = checked(connection, organisation, document)
    try:
        check_tightened(policy, parse(before, 0), group)
    except ContractError as error:
        raise located(error, document) from None
    return policy


def in_force(connection: Connection, organisation: str) -> tuple[int, str]:
    """Return the version in force and its document; before the first one, 0 and the default."""
    version = store.newest_version(connection, organisation)
    row = store.find_policy(connection, organisation, version)
    return version, default_document() if row is None else str(row.document)


def publish(
    connection: Connection,
    organisation: str,
    document: str,
    by: str,
    now: datetime,
    *,
    instead_of: int,
    note: str = "",
    reason: str = "",
) -> tuple[int, Event]:
    """Put a checked document in force; return its version and what goes on record.

    Running servers judge by it within a second. `note` stands beside the name, `reason` on record
    alone. `instead_of` is the version that the document was made from, or was looked at beside:
    raises `OvertakenError` where another one is in force, or is put in force at this moment.
    """
    newest = store.newest_version(connection, organisation)
    if newest != instead_of:
        raise OvertakenError(newest)
    version = instead_of + 1
    published_by = f"{by}, {note}"[:MAX_NAMED] if note else by
    if not store.insert_policy(connection, organisation, version, document, now, published_by):
        raise OvertakenError(version)
    announce(connection, organisation, None)
    details = {"sha256": digest(document.encode("utf-8")), "note": note}
    if reason:
        details["reason"] = reason
    return version, Event(Action.POLICY_PUBLISHED, by, subject=str(version), details=details)


def again(version: int) -> str:
    """Return the note beside an earlier version's document that is in force again."""
    return f"version {version} again"
