"""`POST /oidc/token` and `/oidc/userinfo`: what a relying party fetches behind the browser's back.

Section 3.1.3 and 5.3; RFC 6749, sections 2.3.1, 4.1.3 and 5.2; RFC 6750.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.clock import Clock
from passmuster_server.database import Database
from passmuster_server.gate.oidc import codes
from passmuster_server.gate.oidc.clients import Client, find_client
from passmuster_server.gate.oidc.codes import GrantError
from passmuster_server.gate.oidc.verdicts import Verdicts
from passmuster_server.gate.token_forms import (
    HEADERS,
    TokenError,
    answer,
    credentials_of,
    read_form,
    refused,
    unknown_client,
)

MAX_TOKEN = 128
_HELD_BACK = frozenset({"iss", "aud", "nonce", "auth_time", "acr", "amr"})
"""What is of the login and not of the person."""


class TokenEndpoint:
    """Gives an ID token and an access token for a code."""

    def __init__(self, database: Database, clock: Clock, verdicts: Verdicts) -> None:
        self._database = database
        self._clock = clock
        self._verdicts = verdicts

    async def answer(self, request: Request) -> Response:
        """Return the tokens, or the error. Raises `StoreUnavailableError`."""
        try:
            form = await read_form(request)
            client = await self._authenticated(request, form)
            if form.get("grant_type") != "authorization_code":
                raise _wrong_grant(form)
            granted = await self._redeemed(client, form)
        except TokenError as error:
            return refused(error)
        return answer(
            {
                "access_token": granted.access_token,
                "token_type": "Bearer",
                "expires_in": int(codes.TOKEN_LIFETIME.total_seconds()),
                "id_token": await self._verdicts.id_token(granted.claims),
            }
        )

    async def userinfo(self, request: Request) -> Response:
        """Return the person behind an access token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token, now = token.strip(), self._clock()
        claims = None
        if scheme.lower() == "bearer" and 0 < len(token) <= MAX_TOKEN:
            claims = await self._database.read(
                lambda connection: codes.claims_of(connection, token, now)
            )
        if claims is None:
            error = ', error="invalid_token"' if token else ""
            return Response(
                status_code=401,
                headers={**HEADERS, "WWW-Authenticate": f'Bearer realm="passmuster"{error}'},
            )
        return answer({name: claims[name] for name in claims.keys() - _HELD_BACK})

    async def _redeemed(self, client: Client, form: Mapping[str, str]) -> codes.Granted:
        for name in ("code", "redirect_uri"):
            if not form.get(name):
                raise TokenError("invalid_request", f"{name} is missing")
        now = self._clock()
        result = await self._database.write(
            lambda transaction: codes.redeem(
                transaction.connection,
                client,
                code=form["code"],
                redirect_uri=form["redirect_uri"],
                verifier=form.get("code_verifier", ""),
                now=now,
            )
        )
        if isinstance(result, GrantError):
            raise TokenError("invalid_grant", "the code is not good, or not any more")
        # The laptop may have fallen out since. The access token stays with nobody then.
        if not self._verdicts.still_allows(client, result.question):
            raise TokenError("invalid_grant", "the laptop does not pass any more")
        return result

    async def _authenticated(self, request: Request, form: Mapping[str, str]) -> Client:
        client_id, secret = credentials_of(request, form)
        client = await self._database.read(lambda connection: find_client(connection, client_id))
        if client is None:
            raise unknown_client()
        if client.secret_hash is None:
            # A public client proves itself by its verifier alone; a secret would be nobody's.
            if secret:
                raise unknown_client()
        elif not client.has_secret(secret):
            raise unknown_client()
        return client


def _wrong_grant(form: Mapping[str, str]) -> TokenError:
    if "grant_type" not in form:
        return TokenError("invalid_request", "grant_type is missing")
    return TokenError("unsupported_grant_type", "grant_type must be authorization_code")
