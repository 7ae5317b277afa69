"""Who is being logged in: by a signed `id_token_hint`, a `login_hint`, or the laptop alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from passmuster_collectors.contract.canonical import from_base64url
from passmuster_collectors.contract.errors import ContractError
from passmuster_server.clock import Clock
from passmuster_server.gate.oidc.clients import Client, HintIssuer
from passmuster_server.gate.oidc.parameters import (
    MAX_PERSON,
    AuthorizationError,
    AuthorizationRequest,
)
from passmuster_server.gate.oidc.remote_keys import KeysUnavailableError, RemoteKeys
from passmuster_server.signing.service import SigningKeys, UntrustedTokenError

OLDEST = timedelta(days=1)
"""Of a hint. It may have expired (section 3.1.2.1), and Entra ID's comes expired on purpose."""

CLOCK_STEP = timedelta(minutes=5)

_UNESCAPED = "@!#$&'*+/=?^_`{|}~.-"


@dataclass(frozen=True)
class Person:
    """Who was named; the address is empty where nobody was.

    `subject` is what the client's own issuer calls them, which it has signed: nobody at a browser
    can change it. A `login_hint` anybody can.
    """

    address: str
    subject: str | None = None


class People:
    """Reads hints. `issuer` is this provider."""

    def __init__(self, issuer: str, signing: SigningKeys, clock: Clock) -> None:
        self._issuer = issuer
        self._signing = signing
        self._clock = clock
        self._keys = RemoteKeys()

    async def named(self, client: Client, request: AuthorizationRequest) -> Person:
        """Return whom the request names.

        Raises `AuthorizationError` for a hint that is not to be believed or contradicts another
        one, and `StoreUnavailableError`.
        """
        hinted = Person("")
        if request.id_token_hint:
            hinted = await self._hinted(client, request.id_token_hint)
        if not hinted.address:
            return Person(request.login_hint)
        if request.login_hint and request.login_hint.casefold() != hinted.address.casefold():
            raise _refused("login_hint and id_token_hint name two people")
        return hinted

    async def _hinted(self, client: Client, token: str) -> Person:
        issuer = _unverified_issuer(token)
        if issuer == self._issuer:
            return await self._own(client, token)
        if client.hint is None or issuer != client.hint.issuer:
            raise _refused("id_token_hint: nobody vouches for its issuer")
        claims = await self._of_another(client.hint, token)
        _check_audience(claims, client.hint.audience or client.client)
        self._check_age(claims)
        subject, address = claims.get("sub"), claims.get(client.hint.claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise _refused("id_token_hint: no sub")
        if not isinstance(address, str) or not _is_address(address):
            raise _refused(f"id_token_hint: no {client.hint.claim}")
        return Person(address, subject)

    async def _own(self, client: Client, token: str) -> Person:
        try:
            claims = await self._signing.own_claims(token, kind="JWT")
        except UntrustedTokenError:
            raise _refused("id_token_hint: not signed by us") from None
        _check_audience(claims, client.client)
        address = claims.get("email") or unquote(str(claims.get("sub", "")))
        # Whoever has got hold of a token of ours is not therefore the person in it.
        return Person(str(address))

    async def _of_another(self, hint: HintIssuer, token: str) -> Mapping[str, Any]:
        try:
            claims = await self._keys.claims(hint.keys_url, token)
        except KeysUnavailableError:
            raise AuthorizationError(
                "temporarily_unavailable", "id_token_hint: its issuer's keys can't be had"
            ) from None
        if claims is None:
            raise _refused("id_token_hint: not signed by its issuer")
        return claims

    def _check_age(self, claims: Mapping[str, Any]) -> None:
        issued = claims.get("iat")
        if type(issued) not in {int, float}:
            raise _refused("id_token_hint: no iat")
        age = timedelta(seconds=self._clock().timestamp() - float(issued))  # type: ignore[arg-type]
        if not -CLOCK_STEP <= age <= OLDEST:
            raise _refused("id_token_hint: too old")


def subject_of(address: str) -> str:
    """Return the `sub` of a person: the address, in ASCII (section 2 allows nothing else)."""
    return quote(address.casefold(), safe=_UNESCAPED)


def at(moment: datetime) -> int:
    """Return a time as JWTs have it."""
    return int(moment.timestamp())


def _unverified_issuer(token: str) -> str:
    try:
        claims = msgspec.json.decode(from_base64url(token.split(".")[1], "id_token_hint"))
        return str(claims["iss"])
    except (ContractError, msgspec.DecodeError, RecursionError, LookupError, TypeError):
        raise _refused("id_token_hint: not an ID token") from None


def _check_audience(claims: Mapping[str, Any], expected: str) -> None:
    audience = claims.get("aud")
    if expected not in (audience if isinstance(audience, list) else [audience]):
        raise _refused("id_token_hint: for another audience")


def _is_address(text: str) -> bool:
    return 0 < len(text) <= MAX_PERSON and text.isprintable()


def _refused(description: str) -> AuthorizationError:
    return AuthorizationError("invalid_request", description)
