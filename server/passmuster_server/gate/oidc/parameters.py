"""The authorization request: every parameter once, of a bounded size, and nothing half understood.

Section 3.1.2.1 and 5.5; RFC 6749, section 4.1.1; RFC 7636, section 4.3.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec

from passmuster_server.gate.oidc.clients import Client
from passmuster_server.gate.oidc.postures import Wanted

MAX_QUERY = 24 * 1024
MAX_PARAMETERS = 40
LONGEST = 2048
MAX_HINT = 12 * 1024
MAX_CLAIMS = 4096
MAX_PERSON = 254
MAX_AGE_S = 10**9

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""The SHA-256 of a verifier in base64url; RFC 7636 knows no other for S256."""

_NOT_SUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_LIMITS = {"id_token_hint": MAX_HINT, "claims": MAX_CLAIMS}


class UntrustedRequestError(Exception):
    """Nothing of the request may be answered by a redirect: it is not known where that leads."""


class AuthorizationError(Exception):
    """A refusal for the relying party: an error of section 3.1.2.6 or RFC 6749, 4.1.2.1."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Way(msgspec.Struct, frozen=True):
    """Where an answer goes and how: what is known before anything else is looked at."""

    redirect_uri: str
    mode: str
    state: str | None


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """What a relying party asked for. It is kept until the login is at its end."""

    way: Way
    response_type: str
    scopes: tuple[str, ...]
    nonce: str | None
    challenge: str | None
    prompt: str
    max_age_s: int | None
    login_hint: str
    id_token_hint: str
    acr: tuple[str, ...]
    acr_essential: bool
    amr: tuple[str, ...]
    amr_essential: bool
    subject: str | None

    @property
    def wanted_acr(self) -> Wanted:
        """The `acr` that was asked for."""
        return Wanted(self.acr, self.acr_essential)

    @property
    def wanted_amr(self) -> Wanted:
        """The `amr` that was asked for."""
        return Wanted(self.amr, self.amr_essential)


class _Claim(msgspec.Struct):
    essential: bool = False
    value: Any = None
    values: Annotated[list[Any], msgspec.Meta(max_length=64)] = []


class _IdTokenClaims(msgspec.Struct):
    acr: _Claim | None = None
    amr: _Claim | None = None
    sub: _Claim | None = None


class _Claims(msgspec.Struct):
    id_token: _IdTokenClaims | None = None


def read_parameters(encoded: bytes) -> Mapping[str, str]:
    """Return the parameters of a query or a form; empty ones count as left out.

    Raises `UntrustedRequestError`: of what can't be read, nobody knows where an answer should go.
    """
    if len(encoded) > MAX_QUERY:
        raise UntrustedRequestError("The request is too long.")
    try:
        pairs = parse_qsl(encoded.decode("ascii"), max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise UntrustedRequestError("The request can't be read.") from None
    for name in ("client_id", "redirect_uri", "state", "response_mode", "response_type"):
        if sum(each == name for each, _ in pairs) > 1:
            raise UntrustedRequestError(f"{name} was given more than once.")
    found = dict(pairs)
    if len(found) < len(pairs):
        # RFC 6749, section 3.1. Where to answer is known: the caller looks at this first.
        found["duplicated"] = "yes"
    else:
        found.pop("duplicated", None)
    return found


def read_way(parameters: Mapping[str, str], client: Client) -> Way:
    """Return where the answer goes. Raises `UntrustedRequestError`."""
    uri = parameters.get("redirect_uri", "")
    if uri not in client.redirect_uris:
        raise UntrustedRequestError("The redirect_uri is not registered for this client.")
    state = parameters.get("state")
    if state is not None and (len(state) > LONGEST or not state.isprintable()):
        raise UntrustedRequestError("The state is too long or can't be printed.")
    default = "fragment" if parameters.get("response_type") == "id_token" else "query"
    mode = parameters.get("response_mode", default)
    return Way(uri, mode if mode in {"query", "form_post"} else default, state)


def read_request(parameters: Mapping[str, str], client: Client, way: Way) -> AuthorizationRequest:
    """Return the request. Raises `AuthorizationError`."""
    if "duplicated" in parameters:
        raise _invalid("a parameter was given more than once")
    for name, error in _NOT_SUPPORTED.items():
        if name in parameters:
            raise AuthorizationError(error, f"{name} is not supported")
    for name, value in parameters.items():
        if len(value) > _LIMITS.get(name, LONGEST) or not value.isprintable():
            raise _invalid(f"{name[:40]}: too long or not printable")
    response_type = _response_type(parameters, client, way)
    scopes = tuple(parameters.get("scope", "").split())
    if "openid" not in scopes:
        raise AuthorizationError("invalid_scope", "scope must contain openid")
    nonce = parameters.get("nonce")
    if nonce is None and (response_type == "id_token" or not client.pkce):
        raise _invalid("nonce is missing")
    claims = _claims(parameters.get("claims"))
    acr, acr_essential = _wanted(claims.acr)
    amr, amr_essential = _wanted(claims.amr)
    subject = None if claims.sub is None else claims.sub.value
    if subject is not None and not isinstance(subject, str):
        raise _invalid("claims: sub must be a text")
    return AuthorizationRequest(
        way,
        response_type,
        scopes,
        nonce,
        _challenge(parameters, client, response_type),
        _prompt(parameters.get("prompt", "")),
        _max_age(parameters.get("max_age")),
        _person(parameters.get("login_hint", "")),
        parameters.get("id_token_hint", ""),
        acr or tuple(parameters.get("acr_values", "").split()),
        acr_essential,
        amr,
        amr_essential,
        subject,
    )


def _response_type(parameters: Mapping[str, str], client: Client, way: Way) -> str:
    response_type = parameters.get("response_type", "")
    if not response_type:
        raise _invalid("response_type is missing")
    if response_type not in {"code", "id_token"}:
        raise AuthorizationError("unsupported_response_type", "response_type: code or id_token")
    if response_type == "id_token":
        if not client.id_token_alone:
            raise AuthorizationError("unauthorized_client", "this client may ask for a code alone")
        if way.mode != "form_post":
            raise _invalid("an id_token is answered with response_mode=form_post alone")
    if parameters.get("response_mode", way.mode) != way.mode:
        raise _invalid("response_mode: query or form_post")
    return response_type


def _challenge(parameters: Mapping[str, str], client: Client, response_type: str) -> str | None:
    challenge = parameters.get("code_challenge")
    if response_type != "code":
        return None
    if challenge is None:
        if client.pkce or "code_challenge_method" in parameters:
            raise _invalid("code_challenge is missing (RFC 7636)")
        return None
    # Left out, the method would be "plain" (RFC 7636, section 4.3), which hides nothing.
    if parameters.get("code_challenge_method") != "S256":
        raise _invalid("code_challenge_method must be S256")
    if not CHALLENGE.fullmatch(challenge):
        raise _invalid("code_challenge is no SHA-256 in base64url")
    return challenge


def _prompt(text: str) -> str:
    values = set(text.split())
    if not values <= {"none", "login", "consent", "select_account"}:
        raise _invalid("prompt: unknown value")
    if "none" in values:
        if len(values) > 1:
            raise _invalid("prompt: none stands alone")
        return "none"
    # Nobody is asked for consent, and a browser has the one account that the hint names.
    return "login" if "login" in values else ""


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _invalid("max_age: expected seconds")
    return min(int(text), MAX_AGE_S)


def _person(text: str) -> str:
    person = text.strip()
    if len(person) > MAX_PERSON:
        raise _invalid("login_hint: too long")
    return person


def _claims(text: str | None) -> _IdTokenClaims:
    if text is None:
        return _IdTokenClaims()
    try:
        return msgspec.json.decode(text, type=_Claims).id_token or _IdTokenClaims()
    except (msgspec.DecodeError, RecursionError):
        raise _invalid("claims: not the JSON of section 5.5") from None


def _wanted(claim: _Claim | None) -> tuple[tuple[str, ...], bool]:
    if claim is None:
        return (), False
    values = claim.values if claim.value is None else [claim.value, *claim.values]
    if not all(isinstance(value, str) for value in values):
        raise _invalid("claims: values must be texts")
    return tuple(values), claim.essential


def _invalid(description: str) -> AuthorizationError:
    return AuthorizationError("invalid_request", description)
