"""The public keys of other issuers, fetched by their addresses, kept for a while."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from passmuster_server.fetching import FetchError, fetch_json

KEPT_S = 3600.0
PAUSE_S = 30.0
"""An unknown key makes us look again, this often at most."""

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""All by public keys; "none" and shared secrets are not among them."""


class KeysUnavailableError(Exception):
    """The issuer's keys can't be had at the moment."""


@dataclass(frozen=True)
class _Fetched:
    keys: KeySet
    at: float


class RemoteKeys:
    """Key sets by their address."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._fetched: dict[str, _Fetched] = {}
        self._lock = asyncio.Lock()

    async def at(self, url: str, *, unknown: bool = False) -> KeySet:
        """Return the keys at an https address (http on loopback alone).

        `unknown`: the keys known so far don't have the one that is needed. Raises
        `KeysUnavailableError`.
        """
        async with self._lock:
            known = self._fetched.get(url)
            kept_s = PAUSE_S if unknown else KEPT_S
            if known is not None and self._monotonic() - known.at < kept_s:
                return known.keys
            keys = await _fetch(url)
            self._fetched[url] = _Fetched(keys, self._monotonic())
            return keys

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
