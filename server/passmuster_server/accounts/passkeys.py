"""The passkeys (WebAuthn Level 3) that are kept of accounts.

Each remembers the newest challenge that it has answered: none up to that counts again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from passmuster_collectors.contract.canonical import digest
from passmuster_server.accounts.tables import passkeys
from passmuster_server.database import Transaction

MOST = 10
"""Of one account."""
LONGEST_NAME = 64


class PasskeyError(ValueError):
    """A passkey that can't be taken. The message tells the visitor what to do."""


def passkeys_of(connection: Connection, organisation: str, email: str) -> list[Row[Any]]:
    """Return the account's passkeys, the oldest first."""
    statement = select(passkeys).where(
        passkeys.c.organisation_id == organisation, passkeys.c.email == email
    )
    return list(connection.execute(statement.order_by(passkeys.c.created_at)))


def count(connection: Connection, organisation: str, email: str) -> int:
    """Return how many passkeys the account has."""
    statement = select(func.count()).where(
        passkeys.c.organisation_id == organisation, passkeys.c.email == email
    )
    return int(connection.execute(statement).scalar_one())


def find(
    connection: Connection, organisation: str, credential: bytes, email: str | None
) -> Row[Any]:
    """Return the passkey of that id, of that account (None: of any).

    Raises `PasskeyError`.
    """
    row = connection.execute(
        select(passkeys).where(
            passkeys.c.organisation_id == organisation,
            passkeys.c.credential_hash == digest(credential),
        )
    ).one_or_none()
    if row is None or email not in {None, row.email}:
        raise not_right()
    return row


def add(
    transaction: Transaction,
    organisation: str,
    email: str,
    name: str,
    made: Mapping[str, Any],
    now: datetime,
) -> None:
    """Keep a new passkey. Raises `PasskeyError` where there are ten, or it is there already."""
    connection = transaction.connection
    if count(connection, organisation, email) >= MOST:
        raise PasskeyError(f"An account has {MOST} passkeys at most. Remove one first.")
    known = select(passkeys.c.email).where(
        passkeys.c.organisation_id == organisation,
        passkeys.c.credential_hash == made["credential_hash"],
    )
    if connection.execute(known).first() is not None:
        raise PasskeyError("This passkey is kept here already.")
    connection.execute(
        passkeys.insert().values(
            organisation_id=organisation, email=email, name=name, created_at=now, **made
        )
    )


def use_up(
    transaction: Transaction,
    organisation: str,
    kept: Row[Any],
    given_at: datetime,
    sign_count: int,
    now: datetime,
) -> bool:
    """Note which challenge it has answered; False where it has answered that one before."""
    moved = transaction.connection.execute(
        update(passkeys)
        .where(
            passkeys.c.organisation_id == organisation,
            passkeys.c.credential_hash == kept.credential_hash,
            passkeys.c.answered_at < given_at,
        )
        .values(answered_at=given_at, sign_count=sign_count, last_used_at=now)
    )
    return moved.rowcount == 1


def remove(transaction: Transaction, organisation: str, email: str, credential_hash: str) -> bool:
    """Forget one of the account's passkeys; False where there is none of that name."""
    gone = transaction.connection.execute(
        delete(passkeys).where(
            passkeys.c.organisation_id == organisation,
            passkeys.c.email == email,
            passkeys.c.credential_hash == credential_hash,
        )
    )
    return gone.rowcount == 1


def shown_name(text: str) -> str:
    """Return the name that a person gives a passkey. Raises `PasskeyError`."""
    name = " ".join(text.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise PasskeyError(f"Give the passkey a name of at most {LONGEST_NAME} characters.")
    return name


def not_right() -> PasskeyError:
    """Return what is told of every passkey that does not open, whatever is wrong with it."""
    return PasskeyError("This passkey is not known here, or its answer is not right.")
