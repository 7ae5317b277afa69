"""Logins under way: begun by a relying party's request, tied to one browser, ended once."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from passmuster_collectors.contract.canonical import digest
from passmuster_server.gate.oidc.clients import Client, find_client
from passmuster_server.gate.oidc.parameters import AuthorizationRequest
from passmuster_server.gate.oidc.people import Person
from passmuster_server.gate.oidc.tables import oidc_logins
from passmuster_server.web.problems import RefusalError

LIFETIME = timedelta(minutes=30)
"""Time to put a laptop right. Entra ID forgets its side after about ten minutes."""

LOGIN_BYTES = 24
MAX_WAITING = 20_000

_requests = msgspec.json.Decoder(AuthorizationRequest)


@dataclass(frozen=True)
class Login:
    """One login. `person` and `subject` are known where a hint that was checked names them.

    `session` is the browser's, `decision` the denial that it was told of first.
    """

    login: str
    client: Client
    request: AuthorizationRequest
    person: str
    subject: str | None
    started_at: datetime
    session: str | None
    proof_asked_at: datetime | None
    decision: str | None

    @classmethod
    def at_once(
        cls, client: Client, request: AuthorizationRequest, person: Person, now: datetime
    ) -> "Login":
        """Return a login that is answered at once, so that nobody has to find it again."""
        return cls("", client, request, person.address, person.subject, now, None, None, None)


def begin(
    connection: Connection,
    client: Client,
    request: AuthorizationRequest,
    person: Person,
    now: datetime,
) -> str:
    """Store a login and return its id. Raises `RefusalError` 503 when too many are under way."""
    connection.execute(delete(oidc_logins).where(oidc_logins.c.expires_at <= now))
    waiting = connection.execute(
        select(func.count()).select_from(oidc_logins).where(oidc_logins.c.ended_at.is_(None))
    ).scalar_one()
    if waiting >= MAX_WAITING:
        raise RefusalError(503, "overloaded", "Too many people are signing in. Try again soon.")
    login = secrets.token_urlsafe(LOGIN_BYTES)
    connection.execute(
        oidc_logins.insert().values(
            organisation_id=client.organisation,
            login_hash=_hash(login),
            client_id=client.client,
            request=msgspec.json.encode(request),
            person=person.address or None,
            subject=person.subject,
            started_at=now,
            expires_at=now + LIFETIME,
        )
    )
    return login


def find(connection: Connection, login: str, now: datetime) -> Login | None:
    """Return the login, unless it is over, ended, or its client is revoked."""
    row = connection.execute(
        select(oidc_logins).where(
            oidc_logins.c.login_hash == _hash(login),
            oidc_logins.c.expires_at > now,
            oidc_logins.c.ended_at.is_(None),
        )
    ).one_or_none()
    client = None if row is None else find_client(connection, row.client_id)
    if row is None or client is None:
        return None
    return Login(
        login,
        client,
        _requests.decode(row.request),
        row.person or "",
        row.subject,
        row.started_at,
        row.session_id,
        row.proof_asked_at,
        row.decision_id,
    )


def tie(connection: Connection, login: str, session: str) -> bool:
    """Tie the login to a browser's session, or return False where another browser was first."""
    tied = connection.execute(
        update(oidc_logins)
        .where(
            oidc_logins.c.login_hash == _hash(login),
            oidc_logins.c.session_id.is_(None) | (oidc_logins.c.session_id == session),
        )
        .values(session_id=session)
    )
    return tied.rowcount == 1


def note(connection: Connection, login: str, **values: datetime | str) -> None:
    """Put down when a proof was asked for (`proof_asked_at`), or the denial (`decision_id`)."""
    connection.execute(
        update(oidc_logins).where(oidc_logins.c.login_hash == _hash(login)).values(**values)
    )


def end(connection: Connection, login: str, now: datetime) -> bool:
    """End the login, or return False where that was done before: it is answered once."""
    ended = connection.execute(
        update(oidc_logins)
        .where(oidc_logins.c.login_hash == _hash(login), oidc_logins.c.ended_at.is_(None))
        .values(ended_at=now)
    )
    return ended.rowcount == 1


def _hash(login: str) -> str:
    return digest(login.encode("utf-8", "surrogatepass"))
