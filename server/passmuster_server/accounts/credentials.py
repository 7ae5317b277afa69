"""Passwords (argon2id) and their mandatory second step: time-based codes and recovery codes.

Time-based codes follow RFC 6238 with SHA-1, six digits and thirty seconds, which is what
authenticator apps take; the one before and the one after count too, and none counts twice.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection, Row, delete, func, select, update

from passmuster_collectors.contract.canonical import digest
from passmuster_server.accounts.tables import credentials, recovery_codes
from passmuster_server.database import Transaction

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128
RECOVERY_CODES = 10
ISSUER = "Passmuster"
STEP_S = 30
_RECOVERY = re.compile(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# The library's own choice: RFC 9106, section 4, the second recommended option (64 MiB).
_HASHER = PasswordHasher()


class CredentialError(ValueError):
    """A password or code that can't be taken. The message tells the visitor what to do."""


@dataclass(frozen=True)
class Enrolment:
    """The secret of a second step that is being set up, and the address that a QR code holds."""

    secret: str
    address: str


def has_password(connection: Connection, organisation: str, email: str) -> bool:
    """Whether the account has a password and a confirmed second step."""
    row = _row(connection, organisation, email)
    return row is not None and row.password_hash is not None


def begin(transaction: Transaction, organisation: str, email: str) -> Enrolment:
    """Store the secret of a second step that counts once a code of it is given; return it."""
    secret = pyotp.random_base32()
    _put(transaction.connection, organisation, email, pending_secret=secret)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER))


def pending(connection: Connection, organisation: str, email: str) -> Enrolment | None:
    """Return the second step that is being set up, if any."""
    row = _row(connection, organisation, email)
    if row is None or row.pending_secret is None:
        return None
    secret: str = row.pending_secret
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER))


def hashed(password: str, email: str) -> str:
    """Return the hash of a new password; takes a tenth of a second. Raises `CredentialError`."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise CredentialError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
        )
    if email.partition("@")[0] in password.casefold() or len(set(password)) < 5:
        raise CredentialError("This password is easily guessed. Take a few unrelated words.")
    return _HASHER.hash(password)


def set_up(
    transaction: Transaction,
    organisation: str,
    email: str,
    password_hash: str,
    code: str,
    now: datetime,
) -> tuple[str, ...]:
    """Put the password and the pending second step in force; return fresh recovery codes.

    Raises `CredentialError` where `code` is not of the pending secret.
    """
    connection = transaction.connection
    row = _row(connection, organisation, email)
    if row is None or row.pending_secret is None:
        raise CredentialError("Begin anew: there is no second step being set up.")
    step = _matching_step(row.pending_secret, code, now, after=0)
    if step is None:
        raise CredentialError("The code is not right. Is the clock of your telephone right?")
    _put(
        connection,
        organisation,
        email,
        password_hash=password_hash,
        secret=row.pending_secret,
        pending_secret=None,
        last_step=step,
        changed_at=now,
    )
    return _new_recovery_codes(connection, organisation, email)


def check_password(row: Row[Any] | None, password: str) -> bool:
    """Whether it is the account's password; takes as long where there is no account."""
    stored = row.password_hash if row is not None else None
    try:
        _HASHER.verify(stored or _nobodys_hash(), password[:LONGEST_PASSWORD])
    except (Argon2Error, InvalidHashError):
        return False
    return stored is not None


def stored(connection: Connection, organisation: str, email: str) -> Row[Any] | None:
    """Return the account's row for `check_password`."""
    return _row(connection, organisation, email)


def use_code(
    transaction: Transaction, organisation: str, email: str, code: str, now: datetime
) -> bool:
    """Whether the code is a good second step; it is used up by that."""
    connection = transaction.connection
    row = _row(connection, organisation, email)
    if row is None or row.secret is None:
        return False
    text = code.strip().replace(" ", "").upper()
    if _RECOVERY.fullmatch(text):
        used = connection.execute(
            delete(recovery_codes).where(
                recovery_codes.c.organisation_id == organisation,
                recovery_codes.c.email == email,
                recovery_codes.c.code_hash == _hash(email, text),
            )
        )
        return used.rowcount == 1
    step = _matching_step(row.secret, text, now, after=row.last_step)
    if step is None:
        return False
    # Two that come at once find the same row: the condition lets one of them through.
    moved = connection.execute(
        update(credentials)
        .where(
            credentials.c.organisation_id == organisation,
            credentials.c.email == email,
            credentials.c.last_step < step,
        )
        .values(last_step=step)
    )
    return moved.rowcount == 1


def recovery_codes_left(connection: Connection, organisation: str, email: str) -> int:
    """Return how many recovery codes are unused."""
    statement = select(func.count()).where(
        recovery_codes.c.organisation_id == organisation, recovery_codes.c.email == email
    )
    return int(connection.execute(statement).scalar_one())


@cache
def _nobodys_hash() -> str:
    """Return what is checked where there is no account: the time must not tell that."""
    return _HASHER.hash(secrets.token_hex(16))


def _matching_step(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    generator = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_S
    for step in (current, current - 1, current + 1):
        expected = generator.generate_otp(step)
        if step > after and hmac.compare_digest(expected.encode(), code.strip().encode()):
            return step
    return None


def _new_recovery_codes(connection: Connection, organisation: str, email: str) -> tuple[str, ...]:
    codes = tuple(f"{_letters()}-{_letters()}" for _ in range(RECOVERY_CODES))
    connection.execute(
        delete(recovery_codes).where(
            recovery_codes.c.organisation_id == organisation, recovery_codes.c.email == email
        )
    )
    connection.execute(
        recovery_codes.insert(),
        [
            {"organisation_id": organisation, "email": email, "code_hash": _hash(email, code)}
            for code in codes
        ],
    )
    return codes


def _letters() -> str:
    return "".join(secrets.choice(_CROCKFORD) for _ in range(5))


def _hash(email: str, code: str) -> str:
    # 50 random bits: a plain hash is enough.
    return digest(f"{email}\0{code}".encode())


def _row(connection: Connection, organisation: str, email: str) -> Row[Any] | None:
    return connection.execute(
        select(credentials).where(
            credentials.c.organisation_id == organisation, credentials.c.email == email
        )
    ).one_or_none()


def _put(connection: Connection, organisation: str, email: str, **values: Any) -> None:
    if _row(connection, organisation, email) is None:
        connection.execute(
            credentials.insert().values(
                organisation_id=organisation, email=email, last_step=0, **values
            )
        )
        return
    connection.execute(
        update(credentials)
        .where(credentials.c.organisation_id == organisation, credentials.c.email == email)
        .values(**values)
    )
