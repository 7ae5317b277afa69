"""`POST /oidc/token` and `/oidc/userinfo`: what a relying party fetches behind the browser's back.

Section 3.1.3 and 5.3; RFC 6749, sections 2.3.1, 4.1.3 and 5.2; RFC 6750.
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
from passmuster_server.gate.oidc import codes
from passmuster_server.gate.oidc.clients import Client, find_client
from passmuster_server.gate.oidc.codes import GrantError
from passmuster_server.gate.oidc.verdicts import Verdicts
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError

MAX_FORM = 16 * 1024
MAX_FIELDS = 32
MAX_TOKEN = 128
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_HELD_BACK = frozenset({"iss", "aud", "nonce", "auth_time", "acr", "amr"})
"""What is of the login and not of the person."""


class TokenError(Exception):
    """A refusal in the words of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class TokenEndpoint:
    """Gives an ID token and an access token for a code."""

    def __init__(self, database: Database, clock: Clock, verdicts: Verdicts) -> None:
        self._database = database
        self._clock = clock
        self._verdicts = verdicts

    async def answer(self, request: Request) -> Response:
        """Return the tokens, or the error. Raises `StoreUnavailableError`."""
        try:
            form = await _form(request)
            client = await self._authenticated(request, form)
            if form.get("grant_type") != "authorization_code":
                raise _wrong_grant(form)
            granted = await self._redeemed(client, form)
        except TokenError as error:
            return _refused(error)
        return _json(
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
                headers={**_HEADERS, "WWW-Authenticate": f'Bearer realm="passmuster"{error}'},
            )
        return _json({name: claims[name] for name in claims.keys() - _HELD_BACK})

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
        return result

    async def _authenticated(self, request: Request, form: Mapping[str, str]) -> Client:
        authorization = request.headers.get("authorization")
        if authorization is not None and "client_secret" in form:
            raise TokenError("invalid_request", "authenticate in one way, not in two")
        if authorization is not None:
            client_id, secret = _basic(authorization)
            if form.get("client_id", client_id) != client_id:
                raise TokenError("invalid_request", "client_id: two of them")
        else:
            client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        client = await self._database.read(lambda connection: find_client(connection, client_id))
        if client is None:
            raise _unknown_client()
        if client.secret_hash is None:
            # A public client proves itself by its verifier alone; a secret would be nobody's.
            if secret:
                raise _unknown_client()
        elif not client.has_secret(secret):
            raise _unknown_client()
        return client


async def _form(request: Request) -> Mapping[str, str]:
    try:
        body = await read_body(
            request, limit=MAX_FORM, content_type="application/x-www-form-urlencoded"
        )
        fields = parse_qsl(body.decode("ascii"), max_num_fields=MAX_FIELDS, errors="strict")
    except RefusalError as error:
        raise TokenError("invalid_request", error.problem.detail) from None
    except ValueError:
        raise TokenError("invalid_request", "the form can't be read") from None
    if len(dict(fields)) < len(fields):
        raise TokenError("invalid_request", "a parameter was given more than once")
    return dict(fields)


def _basic(authorization: str) -> tuple[str, str]:
    """Return the client and its secret, each of them escaped as in a form."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        client, found, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise _unknown_client() from None
    if scheme.lower() != "basic" or not found:
        raise _unknown_client()
    return unquote_plus(client), unquote_plus(secret)


def _wrong_grant(form: Mapping[str, str]) -> TokenError:
    if "grant_type" not in form:
        return TokenError("invalid_request", "grant_type is missing")
    return TokenError("unsupported_grant_type", "grant_type must be authorization_code")


def _unknown_client() -> TokenError:
    return TokenError(
        "invalid_client", "the client is not known, or its secret is wrong", status=401
    )


def _refused(error: TokenError) -> Response:
    response = _json({"error": error.error, "error_description": error.description}, error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="passmuster"'
    return response


def _json(value: object, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers=_HEADERS
    )
