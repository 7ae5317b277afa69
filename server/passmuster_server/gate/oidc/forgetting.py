"""What logins and their answers hold of a person, and its end."""

from datetime import datetime

from sqlalchemy import Column, Connection, delete, select

from passmuster_server.addresses import is_address
from passmuster_server.gate.oidc.codes import CODE_LIFETIME, TOKEN_LIFETIME
from passmuster_server.gate.oidc.tables import oidc_access_tokens, oidc_codes, oidc_logins


def forget_answers(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` logins, codes and tokens each that were over before a moment."""
    given = before - CODE_LIFETIME - TOKEN_LIFETIME
    over = (
        (oidc_logins.c.login_hash, oidc_logins.c.expires_at, before),
        (oidc_codes.c.code_hash, oidc_codes.c.given_at, given),
        (oidc_access_tokens.c.token_hash, oidc_access_tokens.c.expires_at, before),
    )
    return max(_forget(connection, name, time, moment, limit) for name, time, moment in over)


def _forget(
    connection: Connection,
    name: Column[str],
    time: Column[datetime],
    before: datetime,
    limit: int,
) -> int:
    """Delete rows from before a moment; each `name` is one row's."""
    old = select(name).where(time < before).limit(limit)
    return connection.execute(delete(name.table).where(name.in_(old))).rowcount


def forget_person(connection: Connection, organisation: str, person: str) -> None:
    """Delete the logins under way of a person, and what was given out at the end of others."""
    codes = (
        oidc_codes.c.organisation_id == organisation,
        is_address(oidc_codes.c.person, person),
    )
    connection.execute(
        delete(oidc_access_tokens).where(
            oidc_access_tokens.c.organisation_id == organisation,
            oidc_access_tokens.c.code_hash.in_(select(oidc_codes.c.code_hash).where(*codes)),
        )
    )
    connection.execute(delete(oidc_codes).where(*codes))
    connection.execute(
        delete(oidc_logins).where(
            oidc_logins.c.organisation_id == organisation,
            is_address(oidc_logins.c.person, person),
        )
    )
