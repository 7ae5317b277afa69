"""Administrators, and the links that sign them in once.

Tokens have 256 random bits; only their hash is stored.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from passmuster_server.accounts.addresses import normalised
from passmuster_server.accounts.roles import Role
from passmuster_server.accounts.sessions import TOKEN_BYTES, Method, hash_of, start_session
from passmuster_server.accounts.tables import administrators, sessions, sign_in_links
from passmuster_server.database import Transaction

LINK_LIFETIME = timedelta(minutes=15)
LINK_KEPT = timedelta(days=1)
"""How long an old link can still say that it is used or expired, rather than unknown."""


class AdministratorExistsError(Exception):
    """An administrator of that address is there already."""


class UnknownAdministratorError(Exception):
    """There is no administrator of that address, or it is disabled."""


class LinkError(Exception):
    """A sign-in link that doesn't sign in. The message tells the visitor what to do."""


def create_administrator(
    transaction: Transaction,
    organisation: str,
    email: str,
    now: datetime,
    group: str | None = None,
    role: Role = Role.ADMINISTRATOR,
) -> str:
    """Store an administrator and return the token of a first sign-in link.

    `group` is the id of the only group that the person will see. Raises `AddressError` and
    `AdministratorExistsError`.
    """
    address = normalised(email)
    if _administrator(transaction.connection, organisation, address) is not None:
        raise AdministratorExistsError(address)
    transaction.connection.execute(
        administrators.insert().values(
            organisation_id=organisation,
            email=address,
            created_at=now,
            group_id=group,
            role=role.value,
        )
    )
    return create_sign_in_link(transaction, organisation, address, now)


def create_sign_in_link(
    transaction: Transaction, organisation: str, email: str, now: datetime
) -> str:
    """Return the token of a new sign-in link.

    Raises `AddressError` and `UnknownAdministratorError`.
    """
    address = normalised(email)
    known = _administrator(transaction.connection, organisation, address)
    if known is None or known.disabled_at is not None:
        raise UnknownAdministratorError(address)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    transaction.connection.execute(
        delete(sign_in_links).where(sign_in_links.c.expires_at < now - LINK_KEPT)
    )
    transaction.connection.execute(
        sign_in_links.insert().values(
            token_hash=hash_of(token),
            organisation_id=organisation,
            email=address,
            expires_at=now + LINK_LIFETIME,
        )
    )
    return token


def find_link(connection: Connection, token: str, now: datetime) -> Row[Any]:
    """Return the link of a token that is still good. Raises `LinkError`."""
    link = connection.execute(
        select(sign_in_links).where(sign_in_links.c.token_hash == hash_of(token))
    ).one_or_none()
    if link is None:
        raise LinkError("This sign-in link is not known here. Was it copied whole?")
    if link.used_at is not None:
        raise LinkError("This sign-in link was used before. Each link signs in once.")
    if now >= link.expires_at:
        raise LinkError("This sign-in link is older than 15 minutes and has expired.")
    if not is_enabled(connection, link.organisation_id, link.email):
        raise LinkError("This account may no longer sign in.")
    return link


def sign_in(transaction: Transaction, token: str, now: datetime) -> str:
    """Use a link up and return the token of a new session. Raises `LinkError`."""
    link = find_link(transaction.connection, token, now)
    transaction.connection.execute(
        update(sign_in_links)
        .where(sign_in_links.c.token_hash == link.token_hash)
        .values(used_at=now)
    )
    return start_session(transaction, link.organisation_id, link.email, Method.LINK, now)


def is_enabled(connection: Connection, organisation: str, email: str) -> bool:
    """Whether there is such an administrator who may sign in."""
    known = _administrator(connection, organisation, email)
    return known is not None and known.disabled_at is None


def set_disabled(
    transaction: Transaction, organisation: str, email: str, disabled_at: datetime | None
) -> None:
    """Let an administrator sign in no more, or (None) again; sessions end with it.

    Raises `AddressError` and `UnknownAdministratorError`.
    """
    address = normalised(email)
    changed = transaction.connection.execute(
        update(administrators)
        .where(administrators.c.organisation_id == organisation, administrators.c.email == address)
        .values(disabled_at=disabled_at)
    )
    if changed.rowcount != 1:
        raise UnknownAdministratorError(address)
    transaction.connection.execute(
        delete(sessions).where(
            sessions.c.organisation_id == organisation, sessions.c.email == address
        )
    )


def set_role(transaction: Transaction, organisation: str, email: str, role: Role) -> None:
    """Change what an administrator may do, from the next click on.

    Raises `AddressError` and `UnknownAdministratorError`.
    """
    address = normalised(email)
    changed = transaction.connection.execute(
        update(administrators)
        .where(administrators.c.organisation_id == organisation, administrators.c.email == address)
        .values(role=role.value)
    )
    if changed.rowcount != 1:
        raise UnknownAdministratorError(address)


def all_administrators(connection: Connection, organisation: str) -> list[Row[Any]]:
    """Return every administrator by address."""
    statement = select(administrators).where(administrators.c.organisation_id == organisation)
    return list(connection.execute(statement.order_by(administrators.c.email)))


def _administrator(connection: Connection, organisation: str, address: str) -> Row[Any] | None:
    return connection.execute(
        select(administrators).where(
            administrators.c.organisation_id == organisation, administrators.c.email == address
        )
    ).one_or_none()
