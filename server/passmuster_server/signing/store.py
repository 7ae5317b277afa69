"""Where keys are kept, and the only steps that a key takes: published, used, retired, forgotten."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from passmuster_server.database import Transaction
from passmuster_server.signing.keys import StoredKey
from passmuster_server.signing.tables import signing_keys


def stored_keys(connection: Connection) -> tuple[StoredKey, ...]:
    """Return every key, in order: retired ones, then the one that signs, then the next."""
    found = connection.execute(select(signing_keys).order_by(signing_keys.c.position))
    return tuple(StoredKey(*row) for row in found)


def complete(transaction: Transaction, spare: tuple[StoredKey, ...], now: datetime) -> None:
    """See to it that there is a key that signs and a next one, from `spare` where one is missing.

    Raises an `IntegrityError` of the database's where another server has just done the same.
    """
    keys = stored_keys(transaction.connection)
    serving = [key for key in keys if key.retired_at is None]
    position = max((key.position for key in keys), default=0)
    for number, key in enumerate(spare[: 2 - len(serving)], start=1):
        first = not serving and number == 1
        transaction.connection.execute(
            insert(signing_keys).values(
                key_id=key.key_id,
                position=position + number,
                private_key=key.private_key,
                certificate=key.certificate,
                published_at=now,
                used_from=now if first else None,
            )
        )


def rotate(
    transaction: Transaction, signs: str, following: str, spare: StoredKey, now: datetime
) -> bool:
    """Retire the key `signs`, let `following` sign, publish `spare` as the next one.

    Returns False, with nothing changed, where another server did it first.
    """
    connection = transaction.connection
    retired = connection.execute(
        update(signing_keys)
        .where(signing_keys.c.key_id == signs, signing_keys.c.retired_at.is_(None))
        .values(retired_at=now)
    )
    if retired.rowcount == 0:
        return False
    connection.execute(
        update(signing_keys).where(signing_keys.c.key_id == following).values(used_from=now)
    )
    complete(transaction, (spare,), now)
    return True


def forget_retired(transaction: Transaction, before: datetime) -> None:
    """Delete the keys that were retired before a moment."""
    transaction.connection.execute(delete(signing_keys).where(signing_keys.c.retired_at < before))


def withdraw_retired(transaction: Transaction) -> None:
    """Delete every retired key: whatever it signed is refused from now on."""
    transaction.connection.execute(
        delete(signing_keys).where(signing_keys.c.retired_at.is_not(None))
    )
