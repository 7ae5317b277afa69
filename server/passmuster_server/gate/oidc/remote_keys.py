"""The public keys of other issuers, fetched by their addresses, kept for a while."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

KEPT_S = 3600.0
PAUSE_S = 30.0
"""An unknown key makes us look again, this often at most."""

TIMEOUT_S = 5.0
MAX_BODY = 256 * 1024


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
            keys = await asyncio.to_thread(_fetch, url)
            self._fetched[url] = _Fetched(keys, self._monotonic())
            return keys


def _fetch(url: str) -> KeySet:
    # Neither redirects nor proxies nor files: what was registered is what is asked.
    opener = OpenerDirector()
    opener.add_handler(HTTPHandler())
    opener.add_handler(HTTPSHandler())
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - these two handlers alone
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            if response.status != 200:
                raise KeysUnavailableError(f"status {response.status}")
            body = response.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise KeysUnavailableError("too large")
        listed = json.loads(body)["keys"]
        return KeySet.import_key_set({"keys": [each for each in listed if _signs(each)]})
    except (OSError, URLError, HTTPException, ValueError, TypeError, KeyError, JoseError) as error:
        raise KeysUnavailableError(type(error).__name__) from None


def _signs(key: dict[str, object]) -> bool:
    """Whether a key of the set may check signatures; shared secrets are no public keys."""
    return key.get("kty") in {"RSA", "EC"} and key.get("use", "sig") == "sig"
