"""Who is signed in, since when, and when they last proved who they are.

Tokens have 256 random bits; only their hash is stored.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from passmuster_collectors.contract.canonical import digest
from passmuster_server.accounts.addresses import normalised
from passmuster_server.accounts.roles import PERMISSIONS, WITHIN_A_GROUP, Permission, Role
from passmuster_server.accounts.tables import administrators, sessions
from passmuster_server.database import Transaction

SESSION_LIFETIME = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=1)
FRESH_FOR = timedelta(minutes=15)
TOUCH_AFTER = timedelta(minutes=1)
"""A session's last use is written this often at most."""

TOKEN_BYTES = 32
MAX_TOKEN = 64


class Method(StrEnum):
    """How a session was begun."""

    LINK = "link"
    PASSWORD = "password"  # noqa: S105 - a word for a method, no password
    OPENID = "openid"
    PASSKEY = "passkey"


@dataclass(frozen=True)
class Session:
    """Who is signed in. `token_hash` names the session in the store.

    `group` is the only group (its id) whose devices the person may see, None: all of them.
    `managed`: the organisation's own sign-in made the account and gives it its role.
    """

    organisation: str
    email: str
    token_hash: str
    last_used_at: datetime
    group: str | None = None
    role: Role = Role.ADMINISTRATOR
    method: Method = Method.LINK
    proven_at: datetime | None = None
    managed: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the account has the permission; one of a single group has it there alone."""
        if self.group is not None and permission not in WITHIN_A_GROUP:
            return False
        return permission in PERMISSIONS[self.role]

    def is_fresh(self, now: datetime) -> bool:
        """Whether the visitor proved lately enough who they are to change something.

        Nobody knows how old a proof is that a clock which ran ahead has dated into the future.
        """
        return self.proven_at is not None and timedelta(0) <= now - self.proven_at < FRESH_FOR


def start_session(
    transaction: Transaction,
    organisation: str,
    email: str,
    method: Method,
    now: datetime,
    proven_at: datetime | None = None,
) -> str:
    """Return the token of a new session of an administrator.

    `proven_at` is when the person has proven to be it; None: just now.
    """
    connection = transaction.connection
    connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
    session = secrets.token_urlsafe(TOKEN_BYTES)
    connection.execute(
        sessions.insert().values(
            token_hash=hash_of(session),
            organisation_id=organisation,
            email=email,
            created_at=now,
            last_used_at=now,
            expires_at=now + SESSION_LIFETIME,
            method=method.value,
            proven_at=proven_at or now,
        )
    )
    return session


def prove_again(transaction: Transaction, session: Session, now: datetime) -> None:
    """Note that the visitor has proven at `now` once more who they are."""
    transaction.connection.execute(
        update(sessions).where(sessions.c.token_hash == session.token_hash).values(proven_at=now)
    )


def sessions_of(connection: Connection, session: Session, now: datetime) -> list[Row[Any]]:
    """Return the account's sessions that have not ended, the newest first."""
    return list(
        connection.execute(
            select(sessions)
            .where(
                sessions.c.organisation_id == session.organisation,
                sessions.c.email == session.email,
                sessions.c.expires_at > now,
                sessions.c.last_used_at > now - SESSION_IDLE,
            )
            .order_by(sessions.c.created_at.desc())
        )
    )


def end_others(transaction: Transaction, session: Session) -> int:
    """End every other session of the account; return how many that was."""
    return transaction.connection.execute(
        delete(sessions).where(
            sessions.c.organisation_id == session.organisation,
            sessions.c.email == session.email,
            sessions.c.token_hash != session.token_hash,
        )
    ).rowcount


def end_sessions(transaction: Transaction, organisation: str, email: str) -> int:
    """End every session of an account; return how many that was. Raises `AddressError`."""
    return transaction.connection.execute(
        delete(sessions).where(
            sessions.c.organisation_id == organisation, sessions.c.email == normalised(email)
        )
    ).rowcount


def open_sessions(connection: Connection, organisation: str, now: datetime) -> Mapping[str, int]:
    """Return how many sessions have not ended, by the account's address."""
    counted = (
        select(sessions.c.email, func.count())
        .where(
            sessions.c.organisation_id == organisation,
            sessions.c.expires_at > now,
            sessions.c.last_used_at > now - SESSION_IDLE,
        )
        .group_by(sessions.c.email)
    )
    return {row[0]: row[1] for row in connection.execute(counted)}


def find_session(connection: Connection, token: str, now: datetime) -> Session | None:
    """Return the session of a cookie, or None when it is unknown, over, idle or disabled."""
    if not token or len(token) > MAX_TOKEN:
        return None
    return _session(connection, hash_of(token), now)


def is_current(connection: Connection, token_hash: str, now: datetime) -> bool:
    """Return whether the session of that hash is neither over, idle, nor ended."""
    return _session(connection, token_hash, now) is not None


def touch(transaction: Transaction, session: Session, now: datetime) -> None:
    """Note that the session is in use."""
    transaction.connection.execute(
        update(sessions).where(sessions.c.token_hash == session.token_hash).values(last_used_at=now)
    )


def sign_out(transaction: Transaction, token: str) -> None:
    """End the session of a cookie, if there is one."""
    transaction.connection.execute(delete(sessions).where(sessions.c.token_hash == hash_of(token)))


def _session(connection: Connection, token_hash: str, now: datetime) -> Session | None:
    row = connection.execute(
        select(
            sessions,
            administrators.c.group_id,
            administrators.c.role,
            administrators.c.managed,
        )
        .join(
            administrators,
            (administrators.c.organisation_id == sessions.c.organisation_id)
            & (administrators.c.email == sessions.c.email),
        )
        .where(
            sessions.c.token_hash == token_hash,
            sessions.c.expires_at > now,
            sessions.c.last_used_at > now - SESSION_IDLE,
            administrators.c.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    return Session(
        row.organisation_id,
        row.email,
        row.token_hash,
        row.last_used_at,
        row.group_id,
        Role(row.role),
        Method(row.method),
        row.proven_at,
        row.managed,
    )


def hash_of(token: str) -> str:
    """Return what is stored of a token."""
    return digest(token.encode("utf-8", "surrogateescape"))
