"""The public keys of other issuers, fetched by their addresses, kept for a while."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from passmuster_server.fetching import FetchError, fetch_json

KEPT_S = 3600.0
PAUSE_S = 30.0
"""An unknown key makes us look again, this often at most."""

FAILED_PAUSE_S = 10.0
"""An issuer that failed is left alone for so long; logins that need it are refused at once."""

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""All by public keys; "none" and shared secrets are not among them."""


class KeysUnavailableError(Exception):
    """The issuer's keys can't be had at the moment."""


@dataclass
class _Source:
    """One issuer's address: what it last told, and when it last failed."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    keys: KeySet | None = None
    fetched_at: float = 0.0
    failed_at: float = float("-inf")


class RemoteKeys:
    """Key sets by their address. An issuer that does not answer holds up nobody but its own."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sources: dict[str, _Source] = {}

    async def at(self, url: str, *, unknown: bool = False) -> KeySet:
        """Return the keys at an https address (http on loopback alone).

        `unknown`: the keys known so far don't have the one that is needed. Raises
        `KeysUnavailableError`.
        """
        # As many as there are issuers: nobody but IT names an address.
        source = self._sources.setdefault(url, _Source())
        async with source.lock:
            kept_s = PAUSE_S if unknown else KEPT_S
            if source.keys is not None and self._monotonic() - source.fetched_at < kept_s:
                return source.keys
            if self._monotonic() - source.failed_at < FAILED_PAUSE_S:
                raise KeysUnavailableError("it did not answer a moment ago")
            try:
                source.keys = await _fetch(url)
            except KeysUnavailableError:
                source.failed_at = self._monotonic()
                raise
            source.fetched_at = self._monotonic()
            return source.keys

    async def claims(self, url: str, token: str) -> Mapping[str, Any] | None:
        """Return what a token says that a key at `url` has signed; None where none has.

        Its times, issuer and audience are the caller's to look at. Raises `KeysUnavailableError`.
        """
        for unknown in (False, True):
            keys = await self.at(url, unknown=unknown)
            try:
                return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
            except (JoseError, ValueError):
                continue
        return None


async def _fetch(url: str) -> KeySet:
    try:
        listed = (await fetch_json(url))["keys"]
        return KeySet.import_key_set({"keys": [each for each in listed if _signs(each)]})
    except (FetchError, ValueError, TypeError, KeyError, AttributeError, JoseError) as error:
        raise KeysUnavailableError(type(error).__name__) from None


def _signs(key: dict[str, object]) -> bool:
    """Whether a key of the set may check signatures; shared secrets are no public keys."""
    return key.get("kty") in {"RSA", "EC"} and key.get("use", "sig") == "sig"
