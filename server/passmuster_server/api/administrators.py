"""Who administers one group, for programs: never who administers them all."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.accounts import changes
from passmuster_server.accounts.addresses import AddressError, normalised
from passmuster_server.accounts.roles import Role
from passmuster_server.accounts.routes import sign_in_link
from passmuster_server.accounts.service import (
    LINK_LIFETIME,
    AdministratorExistsError,
    UnknownAdministratorError,
    all_administrators,
)
from passmuster_server.api import groups
from passmuster_server.api.endpoint import Call, Operation, not_found
from passmuster_server.api.groups_messages import (
    Administrator,
    AdministratorChange,
    AdministratorList,
    GroupPath,
    NewAdministrator,
    SignInLink,
    WhoSignsIn,
)
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import ENROLMENT_MANAGE, FLEET_MANAGE, GROUPS_MANAGE
from passmuster_server.schema import DEFAULT_GROUP
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{groups.PATH}/{{group}}/administrators"


class Administrators:
    """Reads and changes who sees one group alone. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[GroupPath, PageQuery, Nothing]) -> AdministratorList:
        """Return one page of the group's administrators. Raises `RefusalError` 404."""

        def read(connection: Connection) -> list[Row[Any]]:
            groups.find_seen(call, connection, call.path.group)
            everybody = all_administrators(connection, call.organisation)
            return [row for row in everybody if row.group_id == call.path.group]

        address = self._public_url + PATH.format(group=call.path.group)
        page, following = page_of(
            await self._database.read(read), lambda row: str(row.email), call.query, address
        )
        told = [
            Administrator(row.email, Role(row.role), row.created_at, row.disabled_at)
            for row in page
        ]
        return AdministratorList(told, following)

    async def add(self, call: Call[GroupPath, Nothing, NewAdministrator]) -> SignInLink:
        """Add an administrator of the group. Raises `ContractError`, `RefusalError` 404, 409."""
        given = call.body
        _check_role(call, given.role)

        def work(transaction: Transaction) -> tuple[str, Event]:
            group = groups.find_seen(call, transaction.connection, call.path.group)
            return changes.create(
                transaction,
                call.organisation,
                given.email,
                given.role,
                (group.group_id, group.name),
                call.actor,
                call.now,
            )

        try:
            return await self._linked(call, given.email, work)
        except AdministratorExistsError:
            raise RefusalError(
                409, "exists", "The person is an administrator already.", field="email"
            ) from None

    async def link(self, call: Call[GroupPath, Nothing, WhoSignsIn]) -> SignInLink:
        """Return a new link for an administrator of the group. Raises as `add` does."""
        email = call.body.email

        def work(transaction: Transaction) -> tuple[str, Event]:
            # Whoever holds the link signs in as that person.
            found = _find(call, transaction.connection, email)
            _check_role(call, Role(found.role), "email")
            return changes.link(transaction, call.organisation, email, call.actor, call.now)

        return await self._linked(call, email, work)

    async def change(self, call: Call[GroupPath, Nothing, AdministratorChange]) -> None:
        """Change a role, shut out or let in again. Raises `ContractError`, `RefusalError` 404."""
        given = call.body
        if given.role is UNSET and given.disabled is UNSET:
            raise ContractError("", "say the role, whether it is disabled, or both")
        _check_role(call, given.role)

        def work(transaction: Transaction) -> None:
            about = transaction, call.organisation, given.email
            found = _find(call, transaction.connection, given.email)
            if given.disabled is False and given.role is UNSET:
                _check_role(call, Role(found.role), "disabled")
            events = []
            if given.role is not UNSET:
                events.append(changes.change_role(*about, given.role, call.actor))
            if given.disabled is not UNSET:
                at = call.now if given.disabled else None
                events.append(changes.disable(*about, at, call.actor))
            for event in events:
                record(transaction.connection, call.organisation, event, call.now)

        await self._database.write(work)

    async def _linked(
        self,
        call: Call[GroupPath, Nothing, Any],
        email: str,
        work: Callable[[Transaction], tuple[str, Event]],
    ) -> SignInLink:
        def recorded(transaction: Transaction) -> str:
            token, event = work(transaction)
            record(transaction.connection, call.organisation, event, call.now)
            return token

        try:
            token = await self._database.write(recorded)
        except AddressError:
            raise ContractError("email", "has to be an e-mail address") from None
        except UnknownAdministratorError:
            raise RefusalError(409, "disabled", "The administrator is disabled.") from None
        link = sign_in_link(self._public_url, token)
        return SignInLink(normalised(email), link, call.now + LINK_LIFETIME)


def _check_role(
    call: Call[GroupPath, Any, Any], role: Role | UnsetType, field: str = "role"
) -> None:
    """Refuse to make anybody, or to act for anybody, who may do more than the caller.

    An administrator of a group decides which laptops it has. Of the default group, which holds all
    that no other was named for, that is as good as being the organisation's own.
    """
    if role is UNSET or role is Role.VIEWER:
        return
    if call.path.group == DEFAULT_GROUP:
        raise RefusalError(
            409, "role_refused", "In the default group a program makes viewers alone.", field=field
        )
    if not {ENROLMENT_MANAGE, FLEET_MANAGE} <= call.client.scopes:
        raise RefusalError(
            403,
            "role_refused",
            f"It takes the scopes {ENROLMENT_MANAGE} and {FLEET_MANAGE} as well.",
            field=field,
        )


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    made = Administrators(services)
    scopes = (GROUPS_MANAGE,)
    return (
        Operation(
            "listGroupAdministrators",
            PATH,
            "Who sees this group alone, and what each may do there",
            scopes,
            GroupPath,
            PageQuery,
            Nothing,
            AdministratorList,
            made.many,
        ),
        Operation(
            "addGroupAdministrator",
            PATH,
            "Add who will see this group alone; answers with a first sign-in link, told this once",
            scopes,
            GroupPath,
            Nothing,
            NewAdministrator,
            SignInLink,
            made.add,
            method="POST",
        ),
        Operation(
            "changeGroupAdministrator",
            PATH,
            "Change what an administrator of this group may do, shut one out or let one in again",
            scopes,
            GroupPath,
            Nothing,
            AdministratorChange,
            None,
            made.change,
            method="PATCH",
        ),
        Operation(
            "issueSignInLink",
            f"{PATH}/links",
            "A new sign-in link for an administrator of this group, told this once",
            scopes,
            GroupPath,
            Nothing,
            WhoSignsIn,
            SignInLink,
            made.link,
            method="POST",
        ),
    )


def _find(call: Call[GroupPath, Nothing, Any], connection: Connection, email: str) -> Row[Any]:
    """Return who administers this group, and this one alone. Raises `RefusalError` 404."""
    groups.find_seen(call, connection, call.path.group)
    address = email.strip().casefold()
    for row in all_administrators(connection, call.organisation):
        if row.email == address and row.group_id == call.path.group:
            return row
    raise not_found("administrator of this group")
