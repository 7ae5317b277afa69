"""Signs for the areas, publishes what the signatures are checked with, and rotates the keys.

A key is published a whole rotation before it signs, so that whoever has kept an older set of keys
for a day or two knows it by then; it stays published for `KEPT` after it signed last.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from passmuster_server.background import BackgroundTask
from passmuster_server.clock import Clock
from passmuster_server.database import Database, StoreUnavailableError
from passmuster_server.engines import RULE_ERRORS
from passmuster_server.signing import sealing, store
from passmuster_server.signing.keys import (
    ALGORITHM,
    StoredKey,
    generate_key,
    published_key,
    usable_key,
)

LIFETIME = timedelta(days=30)
KEPT = timedelta(days=2)
REFRESH_S = 10.0
"""How long a server may miss that another one, or a command, has rotated the keys."""

PUBLISHED_BEFORE_USE = timedelta(days=2)
"""Entra ID keeps a provider's keys for a day and asks for two days of notice."""


class UntrustedTokenError(Exception):
    """A token that this server has not signed, or no longer stands by."""


@dataclass(frozen=True)
class _Keys:
    """What is in memory. `signs` is the key that signs."""

    signs: RSAKey
    used_from: datetime
    stored: tuple[StoredKey, ...]
    verifying: KeySet
    published: tuple[dict[str, Any], ...]


class SigningKeys:
    """The keys of this server and of every other one on its database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._keys: _Keys | None = None
        self._lock = asyncio.Lock()
        self.task = BackgroundTask("signing keys", self._run)

    async def sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        """Return `claims` as a compact JWS of the type `kind`. Raises `StoreUnavailableError`."""
        keys = await self._current()
        header = {"alg": ALGORITHM, "kid": keys.signs.kid, "typ": kind}
        return jwt.encode(header, dict(claims), keys.signs, algorithms=[ALGORITHM])

    async def own_claims(self, token: str, *, kind: str | None = None) -> dict[str, Any]:
        """Return the claims of a token that this server has signed, whatever its times say.

        `kind` is the type that it must have been signed as; None: any. Raises
        `UntrustedTokenError` and `StoreUnavailableError`.
        """
        keys = await self._current()
        try:
            found = jwt.decode(token, keys.verifying, algorithms=[ALGORITHM])
        except (JoseError, ValueError) as error:
            raise UntrustedTokenError(type(error).__name__) from None
        if kind is not None and found.header.get("typ") != kind:
            raise UntrustedTokenError("of another kind")
        return dict(found.claims)

    async def seal(self, purpose: str, value: bytes) -> str:
        """Return a value for a browser to carry that nobody but us reads.

        Raises `StoreUnavailableError`.
        """
        keys = await self._current()
        signs = next(key for key in keys.stored if key.key_id == keys.signs.kid)
        return sealing.seal(signs, purpose, value)

    async def unseal(self, purpose: str, sealed: str) -> bytes:
        """Return what was sealed for that purpose.

        Raises `UntrustedTokenError` and `StoreUnavailableError`.
        """
        try:
            return sealing.unseal((await self._current()).stored, purpose, sealed)
        except sealing.UnsealedError as error:
            raise UntrustedTokenError(str(error)) from None

    async def published(self) -> dict[str, Any]:
        """Return the JWK set: retired keys, the one that signs and the next one."""
        return {"keys": list((await self._current()).published)}

    async def refresh(self) -> None:
        """Read the keys; make, rotate and forget what is due. Raises `StoreUnavailableError`."""
        async with self._lock:
            now = self._clock()
            keys = await self._database.read(store.stored_keys)
            serving = [key for key in keys if key.retired_at is None]
            if len(serving) < 2:
                await self._complete(2 - len(serving), now)
            elif _is_due(serving[0], now):
                await self._rotate(serving[0], serving[1], now)
            elif any(key.retired_at is not None and key.retired_at < now - KEPT for key in keys):
                await self._database.write(
                    lambda transaction: store.forget_retired(transaction, now - KEPT)
                )
            else:
                self._remember(keys)
                return
            self._remember(await self._database.read(store.stored_keys))

    async def _current(self) -> _Keys:
        if self._keys is None:
            await self.refresh()
        if self._keys is None:
            raise StoreUnavailableError("there is no key to sign with")
        return self._keys

    async def _complete(self, missing: int, now: datetime) -> None:
        spare = tuple([await asyncio.to_thread(generate_key, now) for _ in range(missing)])
        try:
            await self._database.write(lambda transaction: store.complete(transaction, spare, now))
        except RULE_ERRORS:
            return  # another server made them at the same moment

    async def _rotate(self, signs: StoredKey, following: StoredKey, now: datetime) -> None:
        spare = await asyncio.to_thread(generate_key, now)
        await self._database.write(
            lambda transaction: store.rotate(
                transaction, signs.key_id, following.key_id, spare, now
            )
        )

    def _remember(self, stored: tuple[StoredKey, ...]) -> None:
        if self._keys is not None and self._keys.stored == stored:
            return
        usable = {key.key_id: usable_key(key) for key in stored}
        signs = next((key for key in stored if key.retired_at is None), None)
        if signs is None:
            self._keys = None
            return
        self._keys = _Keys(
            usable[signs.key_id],
            signs.used_from or signs.published_at,
            stored,
            KeySet(list(usable.values())),
            tuple(published_key(key) for key in stored),
        )

    async def _run(self) -> None:
        while True:
            # What is in memory goes on signing; a rotation can wait.
            with contextlib.suppress(StoreUnavailableError):
                await self.refresh()
            await asyncio.sleep(REFRESH_S)


def _is_due(key: StoredKey, now: datetime) -> bool:
    return now - (key.used_from or key.published_at) >= LIFETIME
