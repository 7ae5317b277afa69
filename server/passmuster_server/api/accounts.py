"""Everybody who may sign in to the console, for programs: they can be shut out, never let in."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.accounts import changes
from passmuster_server.accounts.addresses import AddressError, normalised
from passmuster_server.accounts.forgetting import LastAdministratorError
from passmuster_server.accounts.roles import Role
from passmuster_server.accounts.service import UnknownAdministratorError, all_administrators
from passmuster_server.accounts.sessions import open_sessions
from passmuster_server.api.accounts_messages import (
    Account,
    AccountList,
    EndedSessions,
    WhichAccount,
)
from passmuster_server.api.endpoint import PREFIX, Call, Operation, not_found
from passmuster_server.api.messages import Nothing
from passmuster_server.api.pages import PageQuery, page_of
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import ADMINISTRATORS_LIMIT
from passmuster_server.services import Services
from passmuster_server.web.problems import RefusalError

PATH = f"{PREFIX}/administrators"
T = TypeVar("T")


class Accounts:
    """Lists accounts and takes from them. Each change goes on record."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._public_url = services.config.public_url

    async def many(self, call: Call[Nothing, PageQuery, Nothing]) -> AccountList:
        """Return one page of the accounts."""

        def read(connection: Connection) -> list[Account]:
            numbers = open_sessions(connection, call.organisation, call.now)
            rows = all_administrators(connection, call.organisation)
            return [_told(row, numbers.get(row.email, 0)) for row in rows]

        page, following = page_of(
            await self._database.read(read),
            lambda each: each.email,
            call.query,
            self._public_url + PATH,
        )
        return AccountList(page, following)

    async def shut_out(self, call: Call[Nothing, Nothing, WhichAccount]) -> None:
        """Let an account sign in no more. Raises `ContractError`, `RefusalError` 404, 409."""

        def change(transaction: Transaction, email: str) -> tuple[None, Event]:
            return None, changes.disable(
                transaction, call.organisation, email, call.now, call.actor
            )

        await self._change(call, change)

    async def sign_out(self, call: Call[Nothing, Nothing, WhichAccount]) -> EndedSessions:
        """End an account's sessions. Raises `ContractError`, `RefusalError` 404."""

        def change(transaction: Transaction, email: str) -> tuple[int, Event]:
            return changes.sign_out(transaction, call.organisation, email, call.actor)

        return EndedSessions(await self._change(call, change))

    async def _change(
        self,
        call: Call[Nothing, Nothing, WhichAccount],
        change: Callable[[Transaction, str], tuple[T, Event]],
    ) -> T:
        try:
            email = normalised(call.body.email)
        except AddressError:
            raise ContractError("email", "has to be an e-mail address") from None

        def work(transaction: Transaction) -> T:
            connection = transaction.connection
            there = all_administrators(connection, call.organisation)
            if email not in {row.email for row in there}:
                raise UnknownAdministratorError(email)
            done, event = change(transaction, email)
            record(connection, call.organisation, event, call.now)
            return done

        try:
            return await self._database.write(work)
        except UnknownAdministratorError:
            raise not_found("administrator") from None
        except LastAdministratorError:
            raise RefusalError(
                409,
                "last_administrator",
                "This is the last administrator who may change everything.",
                field="email",
            ) from None


def operations(services: Services) -> Sequence[Operation[Any, Any, Any]]:
    """Return what this part of the API can do."""
    accounts = Accounts(services)
    scopes = (ADMINISTRATORS_LIMIT,)
    return (
        Operation(
            "listAdministrators",
            PATH,
            "Everybody who may sign in to the console, as what, and their open sessions in number",
            scopes,
            Nothing,
            PageQuery,
            Nothing,
            AccountList,
            accounts.many,
            of_everyone=True,
        ),
        Operation(
            "shutOutAdministrator",
            f"{PATH}/disabled",
            "Let somebody sign in no more, and end their sessions; only people let them in again",
            scopes,
            Nothing,
            Nothing,
            WhichAccount,
            None,
            accounts.shut_out,
            method="POST",
            of_everyone=True,
        ),
        Operation(
            "signOutAdministrator",
            f"{PATH}/sign-outs",
            "End all sessions of somebody; they may sign in again",
            scopes,
            Nothing,
            Nothing,
            WhichAccount,
            EndedSessions,
            accounts.sign_out,
            method="POST",
            of_everyone=True,
            makes_nothing=True,
        ),
    )


def _told(row: Row[Any], sessions: int) -> Account:
    return Account(
        row.email, Role(row.role), row.group_id, row.created_at, row.disabled_at, sessions
    )
