"""OAuth 2.0 for callers that fetch short-lived access tokens: the client credentials grant.

RFC 6749, sections 2.3.1, 4.4 and 5; metadata by RFC 8414. The tokens are random, stored as hashes,
and good for every server on the same database.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

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
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - an address
METADATA_PATH = "/.well-known/oauth-authorization-server"

MAX_FORM = 4_096
MAX_FIELDS = 16
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """A refusal in the words of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class TokenEndpoint:
    """`POST /oauth2/token`."""

    def __init__(self, clients: GateClients, database: Database, clock: Clock) -> None:
        self._clients = clients
        self._database = database
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        """Return an access token, or the error of RFC 6749. Raises `StoreUnavailableError`."""
        try:
            form = await _form(request)
            client = await self._authenticated(request, form)
            _check_grant_type(form)
            scopes = _scopes(client, form.get("scope", ""))
        except OAuthError as error:
            return _refused(error)
        token = await self._database.write(
            lambda transaction: issue_access_token(
                transaction.connection, client, scopes, self._clock()
            )
        )
        answer = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }
        return _json(answer, 200)

    async def _authenticated(self, request: Request, form: Mapping[str, str]) -> GateClient:
        authorization = request.headers.get("authorization")
        if authorization is not None and "client_secret" in form:
            raise OAuthError("invalid_request", "authenticate in one way, not in two")
        if authorization is not None:
            client_id, secret = _basic(authorization)
        else:
            client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        client = await self._clients.with_secret(client_id, secret) if client_id else None
        if client is None:
            raise _unknown_client()
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


async def _form(request: Request) -> Mapping[str, str]:
    try:
        body = await read_body(
            request, limit=MAX_FORM, content_type="application/x-www-form-urlencoded"
        )
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except RefusalError as error:
        status = error.problem.status
        raise OAuthError("invalid_request", error.problem.detail, status=status) from None
    except ValueError:
        raise OAuthError("invalid_request", "the form can't be read") from None
    if len(dict(fields)) < len(fields):
        raise OAuthError("invalid_request", "a parameter is given more than once")
    return dict(fields)


def _check_grant_type(form: Mapping[str, str]) -> None:
    if "grant_type" not in form:
        raise OAuthError("invalid_request", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _unknown_client()
    try:
        text = b64decode(credentials.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _unknown_client() from None
    client_id, _, secret = text.partition(":")
    # RFC 6749, section 2.3.1: both are form-encoded first.
    return unquote_plus(client_id), unquote_plus(secret)


def _scopes(client: GateClient, asked: str) -> frozenset[str]:
    wanted = frozenset(asked.split())
    if not wanted:
        return client.scopes
    if not wanted <= client.scopes:
        raise OAuthError("invalid_scope", "the client may not have this scope")
    return wanted


def _unknown_client() -> OAuthError:
    return OAuthError("invalid_client", "the client is not known", status=401)


def _refused(error: OAuthError) -> Response:
    response = _json({"error": error.error, "error_description": error.description}, error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="passmuster", charset="UTF-8"'
    return response


def _json(value: object, status: int) -> Response:
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers=_HEADERS
    )
