"""OAuth 2.0 for callers that fetch short-lived access tokens: the client credentials grant.

RFC 6749, sections 2.3.1, 4.4 and 5; metadata by RFC 8414. The tokens are random, stored as hashes,
and good for every server on the same database.
"""

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.clock import Clock
from passmuster_server.database import Database
from passmuster_server.gate.callers import SCOPES, GateClient
from passmuster_server.gate.client_store import (
    LIFETIME,
    issue_access_token,
)
from passmuster_server.gate.clients import GateClients
from passmuster_server.gate.token_forms import (
    TokenError,
    answer,
    credentials_of,
    read_form,
    refused,
    unknown_client,
)

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - an address
METADATA_PATH = "/.well-known/oauth-authorization-server"


class TokenEndpoint:
    """`POST /oauth2/token`."""

    def __init__(self, clients: GateClients, database: Database, clock: Clock) -> None:
        self._clients = clients
        self._database = database
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        """Return an access token, or the error of RFC 6749. Raises `StoreUnavailableError`."""
        try:
            form = await read_form(request)
            client = await self._authenticated(request, form)
            _check_grant_type(form)
            scopes = _scopes(client, form.get("scope", ""))
        except TokenError as error:
            return refused(error)
        token = await self._database.write(
            lambda transaction: issue_access_token(
                transaction.connection, client, scopes, self._clock()
            )
        )
        granted = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }
        return answer(granted)

    async def _authenticated(self, request: Request, form: Mapping[str, str]) -> GateClient:
        client_id, secret = credentials_of(request, form)
        client = await self._clients.with_secret(client_id, secret) if client_id else None
        if client is None:
            raise unknown_client()
        return client


def metadata(public_url: str) -> bytes:
    """Return the authorization server's metadata document (RFC 8414, section 2)."""
    return msgspec.json.encode(
        {
            "issuer": public_url,
            "token_endpoint": public_url + TOKEN_PATH,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "scopes_supported": list(SCOPES),
        }
    )


def _check_grant_type(form: Mapping[str, str]) -> None:
    if "grant_type" not in form:
        raise TokenError("invalid_request", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise TokenError("unsupported_grant_type", "grant_type must be client_credentials")


def _scopes(client: GateClient, asked: str) -> frozenset[str]:
    wanted = frozenset(asked.split())
    if not wanted:
        return client.scopes
    if not wanted <= client.scopes:
        raise TokenError("invalid_scope", "the client may not have this scope")
    return wanted
