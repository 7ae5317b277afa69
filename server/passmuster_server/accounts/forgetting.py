"""What is stored of a person who has an account of the console, and its end."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, exists, not_, select

from passmuster_server.accounts.roles import Role
from passmuster_server.accounts.tables import (
    administrators,
    credentials,
    passkeys,
    recovery_codes,
    sessions,
    sign_in_links,
)
from passmuster_server.addresses import is_address
from passmuster_server.console.tables import saved_views

_OF_AN_ACCOUNT = (
    saved_views,
    sessions,
    sign_in_links,
    passkeys,
    recovery_codes,
    credentials,
    administrators,
)
"""The account itself comes last: some of the others name it."""

_TOLD: Mapping[str, tuple[Any, ...]] = {
    "console_accounts": tuple(administrators.c),
    "console_passwords": (credentials.c.email, credentials.c.changed_at),
    "console_passkeys": (
        passkeys.c.email,
        passkeys.c.name,
        passkeys.c.created_at,
        passkeys.c.last_used_at,
    ),
    "console_saved_views": tuple(saved_views.c),
    "console_sessions": (
        sessions.c.email,
        sessions.c.created_at,
        sessions.c.last_used_at,
        sessions.c.expires_at,
        sessions.c.method,
        sessions.c.proven_at,
    ),
    "console_sign_in_links": (
        sign_in_links.c.email,
        sign_in_links.c.expires_at,
        sign_in_links.c.used_at,
    ),
}
"""Nothing that proves who somebody is leaves the store."""


class LastAdministratorError(Exception):
    """Without this account nobody could change anything in the console."""


def stored_of(
    connection: Connection, organisation: str, person: str
) -> Mapping[str, Sequence[RowMapping]]:
    """Return what is stored of the person's account, and of how they sign in to it."""
    return {
        name: connection.execute(
            select(*columns).where(
                columns[0].table.c.organisation_id == organisation,
                is_address(columns[0].table.c.email, person),
            )
        )
        .mappings()
        .all()
        for name, columns in _TOLD.items()
    }


def forget_person(connection: Connection, organisation: str, person: str) -> bool:
    """Delete the person's account, how they sign in and their sessions; False where none is.

    Raises `LastAdministratorError` for the last account that may sign in and change all.
    """
    check_not_last(connection, organisation, person)
    deleted = [
        connection.execute(
            delete(table).where(
                table.c.organisation_id == organisation, is_address(table.c.email, person)
            )
        ).rowcount
        for table in _OF_AN_ACCOUNT
    ]
    return deleted[-1] > 0


def check_not_last(connection: Connection, organisation: str, person: str) -> None:
    """Raise `LastAdministratorError` where nobody else may sign in and change all.

    Until the transaction has ended nobody else takes the right from any of those who have it.
    """
    # Two who go at the same moment would each count on the other.
    connection.execute(
        select(administrators.c.email)
        .where(_may_change_all(organisation))
        .order_by(administrators.c.email)
        .with_for_update(key_share=True)
    ).all()
    theirs = is_address(administrators.c.email, person)
    if _any(connection, organisation, theirs) and not _any(connection, organisation, not_(theirs)):
        raise LastAdministratorError("this is the last administrator who may change everything")


def _any(connection: Connection, organisation: str, condition: ColumnElement[bool]) -> bool:
    """Whether an account of the condition may sign in and change all."""
    found = and_(_may_change_all(organisation), condition)
    return bool(connection.execute(select(exists().where(found))).scalar_one())


def _may_change_all(organisation: str) -> ColumnElement[bool]:
    return and_(
        administrators.c.organisation_id == organisation,
        administrators.c.role == Role.ADMINISTRATOR.value,
        administrators.c.group_id.is_(None),
        administrators.c.disabled_at.is_(None),
    )
