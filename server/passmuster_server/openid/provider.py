"""What the organisation's provider says of itself (OpenID Connect Discovery 1.0), and its keys."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from passmuster_server.config_openid import OpenIdSettings
from passmuster_server.fetching import FetchError, fetch_json
from passmuster_server.gate.oidc.remote_keys import KeysUnavailableError, RemoteKeys
from passmuster_server.urls import is_private, parts_of

KEPT_S = 3600.0
PAUSE_S = 15.0
"""After a failure what is known goes on for so long before the provider is asked again."""
DISCOVERY = "/.well-known/openid-configuration"


class ProviderError(Exception):
    """The provider can't be asked, or answers against the specifications; the message says what.

    `error` is OAuth's error code where it gave one.
    """

    def __init__(self, why: str, *, error: str = "") -> None:
        super().__init__(why)
        self.error = error


@dataclass(frozen=True)
class Metadata:
    """The addresses.

    `names_itself`: its answers carry `iss` (RFC 9207). `by_post`: it takes the client's secret in
    the form alone.
    """

    authorization_endpoint: str
    token_endpoint: str
    keys_url: str
    userinfo_endpoint: str | None
    names_itself: bool
    by_post: bool


class Provider:
    """The provider of the settings."""

    def __init__(
        self, settings: OpenIdSettings, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self._monotonic = monotonic
        self._keys = RemoteKeys()
        self._lock = asyncio.Lock()
        self._known: Metadata | None = None
        self._look_at = float("-inf")
        self._trouble = ""

    async def metadata(self) -> Metadata:
        """Return the addresses, looked up once an hour. Raises `ProviderError`."""
        async with self._lock:
            if self._monotonic() >= self._look_at:
                await self._look_up()
            if self._known is None:
                raise ProviderError(self._trouble)
            return self._known

    async def _look_up(self) -> None:
        try:
            found = await fetch_json(self.settings.issuer.rstrip("/") + DISCOVERY)
            self._known = _metadata(found, self.settings.issuer)
            self._look_at = self._monotonic() + KEPT_S
        except (FetchError, ProviderError) as error:
            # Visitors who come meanwhile are told so at once, and don't wait one after the other.
            self._trouble = f"discovery: {error}"
            self._look_at = self._monotonic() + PAUSE_S

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        """Return the token endpoint's answer to a code (RFC 6749, section 4.1.3; RFC 7636).

        Raises `ProviderError`.
        """
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        client, secret = self.settings.client_id, self.settings.client_secret
        if metadata.by_post:
            form |= {"client_id": client, "client_secret": secret}
        else:
            headers["Authorization"] = basic(client, secret)
        try:
            return await fetch_json(metadata.token_endpoint, form=form, headers=headers)
        except FetchError as error:
            raise ProviderError(f"token: {error}", error=error.error) from None

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return what is said of the person beside the ID token; nothing where nothing is offered.

        Raises `ProviderError`.
        """
        endpoint = (await self.metadata()).userinfo_endpoint
        if endpoint is None:
            return {}
        try:
            return await fetch_json(endpoint, headers={"Authorization": f"Bearer {access_token}"})
        except FetchError as error:
            raise ProviderError(f"userinfo: {error}") from None

    async def signed_claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that the provider has signed. Raises `ProviderError`."""
        metadata = await self.metadata()
        try:
            claims = await self._keys.claims(metadata.keys_url, token)
        except KeysUnavailableError as error:
            raise ProviderError(f"keys: {error}") from None
        if claims is None:
            raise ProviderError("id_token: not signed by a key of the provider's")
        return claims


def basic(client: str, secret: str) -> str:
    """Return the `Authorization` header of a client: RFC 6749, section 2.3.1."""
    # Both are form-encoded first; most providers insist on it, and the rest do not see it.
    pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
    return f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"


def _metadata(found: Mapping[str, Any], issuer: str) -> Metadata:
    """Return what is used of the document; its issuer must be the very one that was asked."""
    if found.get("issuer") != issuer:
        raise ProviderError("another issuer answers; compare openid.issuer")
    methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not isinstance(methods, list):
        raise ProviderError("token_endpoint_auth_methods_supported is no list")
    userinfo = found.get("userinfo_endpoint")
    return Metadata(
        _address(found, "authorization_endpoint"),
        _address(found, "token_endpoint"),
        _address(found, "jwks_uri"),
        None if userinfo is None else _address(found, "userinfo_endpoint"),
        found.get("authorization_response_iss_parameter_supported") is True,
        "client_secret_basic" not in methods,
    )


def _address(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name)
    parts = parts_of(url) if isinstance(url, str) else None
    if not isinstance(url, str) or parts is None or not is_private(parts) or parts.fragment:
        raise ProviderError(f"{name} is no https address")
    return url
