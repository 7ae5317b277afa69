"""What every token endpoint reads and answers: RFC 6749, sections 2.3.1, 3.2, 5.1 and 5.2."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError

MAX_FORM = 16 * 1024
MAX_FIELDS = 32
HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class TokenError(Exception):
    """A refusal in the words of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def unknown_client() -> TokenError:
    """Return the refusal of a client that did not prove who it is."""
    return TokenError(
        "invalid_client", "the client is not known, or its secret is wrong", status=401
    )


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the parameters, each given once. Raises `TokenError`."""
    try:
        body = await read_body(
            request, limit=MAX_FORM, content_type="application/x-www-form-urlencoded"
        )
        fields = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            errors="strict",
        )
    except RefusalError as error:
        raise TokenError("invalid_request", error.problem.detail) from None
    except ValueError:
        raise TokenError("invalid_request", "the form can't be read") from None
    if len(dict(fields)) < len(fields):
        raise TokenError("invalid_request", "a parameter was given more than once")
    return dict(fields)


def credentials_of(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Return the client's id and its secret, empty where there is none. Raises `TokenError`."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise TokenError("invalid_request", "authenticate in one way, not in two")
    client_id, secret = _basic(authorization)
    if form.get("client_id", client_id) != client_id:
        raise TokenError("invalid_request", "client_id: two of them")
    return client_id, secret


def refused(error: TokenError) -> Response:
    """Return the error as the answer."""
    response = answer({"error": error.error, "error_description": error.description}, error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="passmuster", charset="UTF-8"'
    return response


def answer(value: object, status: int = 200) -> Response:
    """Return JSON that nobody keeps."""
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers=HEADERS
    )


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        client, found, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise unknown_client() from None
    if scheme.lower() != "basic" or not found:
        raise unknown_client()
    # RFC 6749, section 2.3.1: both are form-encoded first.
    return unquote_plus(client), unquote_plus(secret)
