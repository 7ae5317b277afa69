"""How the gate's callers are stored: of every credential the hash alone."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, select, update

from passmuster_collectors.contract.canonical import digest
from passmuster_server.database import Transaction
from passmuster_server.gate.callers import ASK, NOT_CONFINED, Callers, GateClient, Grants
from passmuster_server.gate.tables import (
    gate_access_tokens,
    gate_clients,
    gate_grants,
    gate_secrets,
)

TOKEN_PREFIX = "passmuster_gate_"  # noqa: S105 - the part that secret scanners look for
SECRET_PREFIX = "passmuster_secret_"  # noqa: S105
ACCESS_PREFIX = "passmuster_access_"
TOKEN_BYTES = 32

LIFETIME = timedelta(minutes=15)
"""Of an access token; the CAEP Interoperability Profile calls up to an hour short-lived."""
MAX_TOKENS = 32
"""Access tokens that one client may have at a time: the oldest gives way."""


class GateClientExistsError(Exception):
    """A client of that name is there and not revoked."""


class UnknownGateClientError(Exception):
    """There is no client of that name that could be revoked."""


def create_client(
    transaction: Transaction,
    organisation: str,
    name: str,
    now: datetime,
    grants: Grants = NOT_CONFINED,
) -> str:
    """Store a new client and return its bearer token, which is not kept.

    Raises `GateClientExistsError`.
    """
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    _insert(transaction.connection, organisation, name, token, now, grants)
    return token


def create_oauth_client(
    transaction: Transaction, organisation: str, name: str, now: datetime, grants: Grants
) -> tuple[str, str]:
    """Store a new client and return its id and its OAuth 2 client secret, which is not kept.

    Raises `GateClientExistsError`.
    """
    # It has no bearer token of its own: the one that its row needs is known to nobody.
    unknown = secrets.token_urlsafe(TOKEN_BYTES)
    client = _insert(transaction.connection, organisation, name, unknown, now, grants)
    secret = SECRET_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    transaction.connection.execute(
        gate_secrets.insert().values(
            organisation_id=organisation,
            client_id=client,
            secret_hash=digest(secret.encode("ascii")),
        )
    )
    return client, secret


def revoke_client(transaction: Transaction, organisation: str, name: str, now: datetime) -> None:
    """Take a client's credentials out of use. Raises `UnknownGateClientError`."""
    revoked = transaction.connection.execute(
        update(gate_clients).where(*_named(organisation, name)).values(revoked_at=now)
    )
    if revoked.rowcount == 0:
        raise UnknownGateClientError(name)


def active_clients(connection: Connection, organisation: str) -> list[tuple[GateClient, datetime]]:
    """Return the organisation's clients that are not revoked, each with when it was made."""
    made = connection.execute(
        select(gate_clients.c.client_id, gate_clients.c.created_at).where(
            gate_clients.c.organisation_id == organisation, gate_clients.c.revoked_at.is_(None)
        )
    )
    known = read_callers(connection).by_id
    return [(known[row.client_id], row.created_at) for row in made]


def issue_access_token(
    connection: Connection, client: GateClient, scopes: frozenset[str], now: datetime
) -> str:
    """Store a new access token's hash and return the token; what is past or too many goes."""
    table = gate_access_tokens
    own = (table.c.organisation_id == client.organisation, table.c.client_id == client.client)
    kept = (
        select(table.c.token_hash)
        .where(*own, table.c.expires_at > now)
        .order_by(table.c.issued_at.desc())
        .limit(MAX_TOKENS - 1)
    )
    connection.execute(delete(table).where(*own, table.c.token_hash.not_in(kept)))
    token = ACCESS_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    connection.execute(
        table.insert().values(
            token_hash=digest(token.encode("ascii")),
            organisation_id=client.organisation,
            client_id=client.client,
            scopes=" ".join(sorted(scopes)),
            issued_at=now,
            expires_at=now + LIFETIME,
        )
    )
    return token


def forget_access_tokens(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` access tokens that expired before a moment; return how many."""
    table = gate_access_tokens
    old = select(table.c.token_hash).where(table.c.expires_at < before).limit(limit)
    return connection.execute(delete(table).where(table.c.token_hash.in_(old))).rowcount


def read_callers(connection: Connection) -> Callers:
    """Return every client that is not revoked, under its token and its access tokens."""
    grants: dict[tuple[str, str], dict[str, set[str]]] = {}
    for row in connection.execute(select(gate_grants)):
        kinds = grants.setdefault((row.organisation_id, row.client_id), {})
        kinds.setdefault(row.kind, set()).add(row.value)
    secret_hashes = {
        (row.organisation_id, row.client_id): row.secret_hash
        for row in connection.execute(select(gate_secrets))
    }
    clients: dict[tuple[str, str], GateClient] = {}
    active = select(gate_clients).where(gate_clients.c.revoked_at.is_(None))
    for row in connection.execute(active):
        key = (row.organisation_id, row.client_id)
        clients[key] = _client(*key, row.name, row.token_hash, grants.get(key, {}), secret_hashes)
    by_token = {client.token_hash: client for client in clients.values()}
    for row in connection.execute(select(gate_access_tokens)):
        client = clients.get((row.organisation_id, row.client_id))
        if client is not None:
            by_token[row.token_hash] = GateClient(
                client.organisation,
                client.client,
                client.name,
                row.token_hash,
                frozenset(row.scopes.split()) & client.scopes,
                client.applications,
                client.people,
                client.groups,
                client.push_endpoints,
                expires_at=row.expires_at,
                hosts=client.hosts,
            )
    return Callers(by_token, {client.client: client for client in clients.values()})


def _client(
    organisation: str,
    client: str,
    name: str,
    token_hash: str,
    granted: Mapping[str, set[str]],
    secret_hashes: Mapping[tuple[str, str], str],
) -> GateClient:
    people = granted.get("person")
    applications, groups = granted.get("application"), granted.get("group")
    return GateClient(
        organisation,
        client,
        name,
        token_hash,
        frozenset(granted.get("scope", {ASK})),
        None if applications is None else frozenset(applications),
        None if people is None else frozenset(person.casefold() for person in people),
        None if groups is None else frozenset(groups),
        frozenset(granted.get("push", ())),
        secret_hashes.get((organisation, client)),
        hosts=frozenset(granted.get("host", ())),
    )


def _insert(
    connection: Connection,
    organisation: str,
    name: str,
    token: str,
    now: datetime,
    grants: Grants,
) -> str:
    taken = select(gate_clients.c.client_id).where(*_named(organisation, name))
    if connection.execute(taken).first() is not None:
        raise GateClientExistsError(name)
    client = secrets.token_hex(8)
    key = {"organisation_id": organisation, "client_id": client}
    connection.execute(
        gate_clients.insert().values(
            **key, name=name, token_hash=digest(token.encode("ascii")), created_at=now
        )
    )
    for kind, value in grants.rows():
        connection.execute(gate_grants.insert().values(**key, kind=kind, value=value))
    return client


def _named(organisation: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return (
        gate_clients.c.organisation_id == organisation,
        gate_clients.c.name == name,
        gate_clients.c.revoked_at.is_(None),
    )
