"""Who may ask the gate: callers with a bearer token of which only the hash is stored.

A token is a client's own, which lasts until the client is revoked, or an OAuth 2 access token,
which lasts minutes.
"""

import asyncio
import hmac
import time
from collections.abc import Callable

from passmuster_collectors.contract.canonical import digest
from passmuster_server.clock import Clock, utc_now
from passmuster_server.database import Database
from passmuster_server.gate.callers import ASK, Callers, GateClient
from passmuster_server.gate.client_store import (
    read_callers,
)
from passmuster_server.web.problems import RefusalError

REFRESH_AFTER_S = 1.0
MAX_AGE_S = 3.0
UNKNOWN_TOKEN_PAUSE_S = 0.25
"""Whoever is not known waits for a look-up since; guessing costs at most four a second."""


class GateClients:
    """Every client that is not revoked, in memory for at most `MAX_AGE_S` seconds."""

    def __init__(
        self,
        database: Database,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._clock = clock
        self._callers = Callers()
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def authenticate(self, authorization: str | None, *scopes: str) -> GateClient:
        """Return the client behind an `Authorization` header (RFC 6750, section 2.1).

        Raises `RefusalError` 401, 403 for a client that has none of `scopes` (by default that of
        the gate), and `StoreUnavailableError` when what is known is too old.
        """
        token_hash = _hash_of(authorization)
        client = self._remembered(token_hash)
        if client is None:
            client = await self._looked_up(token_hash)
        self._check(client, scopes or (ASK,))
        return client

    def at_once(self, authorization: str) -> GateClient | None:
        """Return the client that may ask the gate, or None where `authenticate` has to look it up.

        Raises `RefusalError` as that does.
        """
        client = self._remembered(_hash_of(authorization))
        if client is not None:
            self._check(client, (ASK,))
        return client

    def _check(self, client: GateClient, wanted: tuple[str, ...]) -> None:
        if client.expires_at is not None and self._clock() >= client.expires_at:
            raise _unauthorised("invalid_token", "The access token has expired.")
        if client.scopes.isdisjoint(wanted):
            raise _insufficient(wanted)

    async def with_secret(self, client_id: str, secret: str) -> GateClient | None:
        """Return the OAuth 2 client of that id and secret, or None.

        Raises `StoreUnavailableError`.
        """
        client = await self._found(lambda: self._callers.by_id.get(client_id))
        if client is None or client.secret_hash is None:
            return None
        given = digest(secret.encode("utf-8", "surrogateescape"))
        return client if hmac.compare_digest(client.secret_hash, given) else None

    async def known(self, client_id: str) -> GateClient:
        """Return the client of that id. Raises `RefusalError` 403 where it is revoked meanwhile."""
        client = await self._found(lambda: self._callers.by_id.get(client_id))
        if client is None:
            raise RefusalError(403, "unknown_caller", "The application's proxy may not ask.")
        return client

    def _remembered(self, token_hash: str) -> GateClient | None:
        if self._read_at is None or self._monotonic() - self._read_at > REFRESH_AFTER_S:
            return None
        client = self._callers.by_token.get(token_hash)
        if client is None or not hmac.compare_digest(client.token_hash, token_hash):
            return None
        return client

    async def _looked_up(self, token_hash: str) -> GateClient:
        client = await self._found(lambda: self._callers.by_token.get(token_hash))
        if client is None or not hmac.compare_digest(client.token_hash, token_hash):
            raise _unauthorised("invalid_token", "The bearer token is not known.")
        return client

    async def _found(self, look: Callable[[], GateClient | None]) -> GateClient | None:
        """Return what `look` finds in memory, which is read anew where it is old or lacks it."""
        asked = self._monotonic()
        age = self._age()
        if age > MAX_AGE_S:
            await self._refresh()
        elif age > REFRESH_AFTER_S:
            self._reading = self._read_once()
        client = look()
        while client is None and (self._read_at is None or self._read_at < asked):
            # It may have been made a moment ago, on another server: only a read since then tells.
            await asyncio.sleep(max(0.0, UNKNOWN_TOKEN_PAUSE_S - self._age()))
            await self._refresh()
            client = look()
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
        self._callers = await self._database.read(read_callers)
        self._read_at = started


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


def _insufficient(scopes: tuple[str, ...]) -> RefusalError:
    # RFC 6750, section 3.1.
    needed = " ".join(scopes)
    challenge = f'Bearer realm="passmuster", error="insufficient_scope", scope="{needed}"'
    return RefusalError(
        403,
        "insufficient_scope",
        f"The token lacks the scope {' or '.join(scopes)}.",
        field="Authorization",
        headers={"WWW-Authenticate": challenge},
    )
