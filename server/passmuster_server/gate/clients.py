"""Who may ask the gate: callers with a bearer token of which only the hash is stored."""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from passmuster_collectors.contract.canonical import digest
from passmuster_server.database import Database, Transaction
from passmuster_server.gate.tables import gate_clients
from passmuster_server.web.problems import RefusalError

TOKEN_PREFIX = "passmuster_gate_"  # noqa: S105 - the part that secret scanners look for
TOKEN_BYTES = 32

REFRESH_AFTER_S = 1.0
MAX_AGE_S = 3.0
UNKNOWN_TOKEN_PAUSE_S = 0.25
"""A new client is noticed at its first question; guessing costs at most four look-ups a second."""


@dataclass(frozen=True, slots=True)
class GateClient:
    """A caller that may ask for the people of its organisation."""

    organisation: str
    client: str
    name: str
    token_hash: str


class GateClientExistsError(Exception):
    """A client of that name is there and not revoked."""


class UnknownGateClientError(Exception):
    """There is no client of that name that could be revoked."""


class GateClients:
    """Every client that is not revoked, in memory for at most `MAX_AGE_S` seconds."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._clients: dict[str, GateClient] = {}
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def authenticate(self, authorization: str | None) -> GateClient:
        """Return the client behind an `Authorization` header (RFC 6750, section 2.1).

        Raises `RefusalError` 401, and `StoreUnavailableError` when what is known is too old.
        """
        token_hash = _hash_of(authorization)
        client = self._remembered(token_hash)
        return client if client is not None else await self._looked_up(token_hash)

    def _remembered(self, token_hash: str) -> GateClient | None:
        if self._age() > REFRESH_AFTER_S:
            return None
        client = self._clients.get(token_hash)
        if client is None or not hmac.compare_digest(client.token_hash, token_hash):
            return None
        return client

    async def _looked_up(self, token_hash: str) -> GateClient:
        age = self._age()
        if age > MAX_AGE_S:
            await self._refresh()
        elif age > REFRESH_AFTER_S:
            self._reading = self._read_once()
        client = self._clients.get(token_hash)
        if client is None and self._age() > UNKNOWN_TOKEN_PAUSE_S:
            await self._refresh()
            client = self._clients.get(token_hash)
        if client is None or not hmac.compare_digest(client.token_hash, token_hash):
            raise _unauthorised("invalid_token", "The bearer token is not known.")
        return client

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self._monotonic() - self._read_at

    async def _refresh(self) -> None:
        self._reading = self._read_once()
        await asyncio.shield(self._reading)

    def _read_once(self) -> asyncio.Task[None]:
        if self._reading is not None and not self._reading.done():
            return self._reading
        reading = asyncio.get_running_loop().create_task(self._read())
        # Whoever waits for it sees the error; when nobody does, the next one tries again.
        reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return reading

    async def _read(self) -> None:
        started = self._monotonic()
        self._clients = await self._database.read(_active)
        self._read_at = started


def create_client(transaction: Transaction, organisation: str, name: str, now: datetime) -> str:
    """Store a new client and return its bearer token, which is not kept.

    Raises `GateClientExistsError`.
    """
    taken = select(gate_clients.c.client_id).where(*_named(organisation, name))
    if transaction.connection.execute(taken).first() is not None:
        raise GateClientExistsError(name)
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    transaction.connection.execute(
        gate_clients.insert().values(
            organisation_id=organisation,
            client_id=secrets.token_hex(8),
            name=name,
            token_hash=digest(token.encode("ascii")),
            created_at=now,
        )
    )
    return token


def revoke_client(transaction: Transaction, organisation: str, name: str, now: datetime) -> None:
    """Take a client's token out of use. Raises `UnknownGateClientError`."""
    revoked = transaction.connection.execute(
        update(gate_clients).where(*_named(organisation, name)).values(revoked_at=now)
    )
    if revoked.rowcount == 0:
        raise UnknownGateClientError(name)


def _named(organisation: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return (
        gate_clients.c.organisation_id == organisation,
        gate_clients.c.name == name,
        gate_clients.c.revoked_at.is_(None),
    )


def _active(connection: Connection) -> dict[str, GateClient]:
    table = gate_clients
    found = connection.execute(
        select(table.c.organisation_id, table.c.client_id, table.c.name, table.c.token_hash).where(
            table.c.revoked_at.is_(None)
        )
    )
    return {row.token_hash: GateClient(*row) for row in found}


def _hash_of(authorization: str | None) -> str:
    if not authorization:
        raise _unauthorised("", "Send your bearer token in the Authorization header.")
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > 256:
        raise _unauthorised("invalid_token", "Send your token as: Authorization: Bearer TOKEN.")
    return digest(token.encode("utf-8", "surrogateescape"))


def _unauthorised(error: str, detail: str) -> RefusalError:
    challenge = 'Bearer realm="passmuster"' + (f', error="{error}"' if error else "")
    headers = {"WWW-Authenticate": challenge}
    return RefusalError(401, "unknown_caller", detail, field="Authorization", headers=headers)
