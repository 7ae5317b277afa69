"""What is changed about administrators, and the words for the record."""

from collections.abc import Mapping
from datetime import datetime

from passmuster_server.accounts.addresses import normalised
from passmuster_server.accounts.forgetting import check_not_last
from passmuster_server.accounts.openid_accounts import forget_identity
from passmuster_server.accounts.roles import Role
from passmuster_server.accounts.service import (
    create_administrator,
    create_sign_in_link,
    set_disabled,
    set_role,
)
from passmuster_server.accounts.sessions import end_sessions
from passmuster_server.audit.actions import Action
from passmuster_server.audit.record import Event
from passmuster_server.database import Transaction


def create(
    transaction: Transaction,
    organisation: str,
    email: str,
    role: Role,
    group: tuple[str, str] | None,
    by: str,
    now: datetime,
) -> tuple[str, Event]:
    """Add an administrator; return the token of a sign-in link and what goes on record.

    `group` is id and name of the only group that the person will see. Raises `AddressError` and
    `AdministratorExistsError`.
    """
    group_id, name = group or (None, None)
    address = normalised(email)
    token = create_administrator(transaction, organisation, email, now, group_id, role)
    details = {"group": name, "role": role.value}
    return token, Event(Action.ADMINISTRATOR_CREATED, by, address, address, details)


def link(
    transaction: Transaction, organisation: str, email: str, by: str, now: datetime
) -> tuple[str, Event]:
    """Return the token of a new sign-in link and what goes on record.

    Raises `AddressError` and `UnknownAdministratorError`.
    """
    token, address = create_sign_in_link(transaction, organisation, email, now), normalised(email)
    return token, Event(Action.SIGN_IN_LINK_CREATED, by, address, address)


def change_role(
    transaction: Transaction, organisation: str, email: str, role: Role, by: str
) -> Event:
    """Change a role; return what goes on record.

    Raises as `link` does, and `LastAdministratorError` where nobody could change all any more.
    """
    if role is not Role.ADMINISTRATOR:
        check_not_last(transaction.connection, organisation, normalised(email))
    set_role(transaction, organisation, email, role)
    return _changed(email, by, {"to": role.value})


def disable(
    transaction: Transaction, organisation: str, email: str, at: datetime | None, by: str
) -> Event:
    """Shut an administrator out or (None) let one in again; return what goes on record.

    Raises as `change_role` does.
    """
    if at is not None:
        check_not_last(transaction.connection, organisation, normalised(email))
    set_disabled(transaction, organisation, email, at)
    return _changed(email, by, {"to": "disabled" if at else "enabled"})


def sign_out(transaction: Transaction, organisation: str, email: str, by: str) -> tuple[int, Event]:
    """End every session of an administrator; return how many, and what goes on record."""
    number = end_sessions(transaction, organisation, email)
    return number, _changed(email, by, {"to": "signed out"})


def forget_openid(transaction: Transaction, organisation: str, email: str, by: str) -> Event:
    """Let the next sign-in by OpenID Connect say anew who it is; return what goes on record."""
    forget_identity(transaction, organisation, email)
    return _changed(email, by, {"to": "unbound"})


def _changed(email: str, by: str, details: Mapping[str, str]) -> Event:
    address = normalised(email)
    return Event(Action.ADMINISTRATOR_CHANGED, by, address, address, details)
