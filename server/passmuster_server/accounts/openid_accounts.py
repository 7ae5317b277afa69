"""Whose account it is that somebody came for by the organisation's own sign-in.

The first time an account is found by its verified address; from then on by the provider's subject,
so that whoever is given the address one day does not get the account with it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from passmuster_server.accounts.addresses import AddressError, normalised
from passmuster_server.accounts.service import UnknownAdministratorError
from passmuster_server.accounts.tables import administrators, sessions
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event, record
from passmuster_server.database import Transaction
from passmuster_server.openid.arrivals import Arrival


class NoAccountError(Exception):
    """Whoever logged in has no account here. The message tells the visitor what to do."""


@dataclass(frozen=True)
class Account:
    """An account, and what has to change before its owner is let in.

    `role` is the one that the person's groups give; None: the account keeps its own.
    """

    email: str
    is_new: bool
    bind: bool
    role: str | None


def find_account(connection: Connection, organisation: str, arrival: Arrival) -> Account:
    """Return the account of whoever has come. Raises `NoAccountError`."""
    known = _row(connection, organisation, administrators.c.openid_identity == arrival.identity)
    if known is None:
        known = _by_address(connection, organisation, arrival)
    if known is None:
        if arrival.role is None:
            raise NoAccountError(
                "You are signed in at your organisation, and have no account here. Whoever runs "
                "this server can make one for your e-mail address, or give a role to your group."
            )
        return Account(normalised(arrival.email), is_new=True, bind=True, role=arrival.role)
    if known.disabled_at is not None:
        raise NoAccountError("This account may no longer sign in.")
    if known.managed and arrival.role is None:
        raise NoAccountError("No group of yours has a role here any more. Ask whoever gave it.")
    return Account(
        known.email,
        is_new=False,
        bind=known.openid_identity is None,
        role=arrival.role if known.managed and arrival.role != known.role else None,
    )


def take_in(
    transaction: Transaction, organisation: str, account: Account, arrival: Arrival, now: datetime
) -> None:
    """Make, bind or change the account, and put that on record.

    Two that bring one account for the first time at the same moment break the table's rules, and
    the second is refused by them.
    """
    connection = transaction.connection
    if account.is_new:
        connection.execute(
            administrators.insert().values(
                organisation_id=organisation,
                email=account.email,
                created_at=now,
                role=account.role,
                openid_identity=arrival.identity,
                managed=True,
            )
        )
        _note(connection, organisation, account, Action.ADMINISTRATOR_CREATED, now)
        return
    if account.bind:
        _change(connection, organisation, account.email, openid_identity=arrival.identity)
        _note(connection, organisation, account, Action.ADMINISTRATOR_CHANGED, now, to="bound")
    if account.role is not None:
        _change(connection, organisation, account.email, role=account.role)
        _note(connection, organisation, account, Action.ADMINISTRATOR_CHANGED, now)


def forget_identity(transaction: Transaction, organisation: str, email: str) -> None:
    """Let an account be bound anew at the next sign-in, and end its sessions.

    Raises `AddressError` and `UnknownAdministratorError`.
    """
    address = normalised(email)
    connection = transaction.connection
    changed = connection.execute(
        update(administrators)
        .where(administrators.c.organisation_id == organisation, administrators.c.email == address)
        .values(openid_identity=None)
    )
    if changed.rowcount != 1:
        raise UnknownAdministratorError(address)
    connection.execute(
        delete(sessions).where(
            sessions.c.organisation_id == organisation, sessions.c.email == address
        )
    )


def _by_address(connection: Connection, organisation: str, arrival: Arrival) -> Row[Any] | None:
    try:
        address = normalised(arrival.email)
    except AddressError:
        raise NoAccountError(
            "Your organisation's sign-in does not vouch for an e-mail address of yours."
        ) from None
    known = _row(connection, organisation, administrators.c.email == address)
    if known is not None and known.openid_identity is not None:
        raise NoAccountError(
            "The account of this address belongs to another person at your organisation's "
            "sign-in. Whoever runs this server can put that right."
        )
    return known


def _row(connection: Connection, organisation: str, condition: Any) -> Row[Any] | None:
    return connection.execute(
        select(administrators).where(administrators.c.organisation_id == organisation, condition)
    ).one_or_none()


def _change(connection: Connection, organisation: str, email: str, **values: Any) -> None:
    connection.execute(
        update(administrators)
        .where(administrators.c.organisation_id == organisation, administrators.c.email == email)
        .values(**values)
    )


def _note(
    connection: Connection,
    organisation: str,
    account: Account,
    action: Action,
    now: datetime,
    **details: str,
) -> None:
    event = Event(
        action,
        account.email,
        subject=account.email,
        person=account.email,
        details={"role": account.role, "by": "the organisation's sign-in", **details},
    )
    record(connection, organisation, event, now)
