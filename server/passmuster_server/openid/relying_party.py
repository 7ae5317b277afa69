"""Leads a browser to the provider and takes it back: authorization code with PKCE.

OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9207; RFC 9700, section 2.1.
"""

import hmac
import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from passmuster_server.clock import Clock
from passmuster_server.config_openid import OpenIdSettings
from passmuster_server.openid.login import RETURN_PATH, Login, LoginCookie, Purpose
from passmuster_server.openid.person import Person, check_token, completed, is_complete, person_of
from passmuster_server.openid.provider import Provider, ProviderError
from passmuster_server.web.pages import HEADERS

SCOPE = "openid email profile"
MAX_QUERY = 8 * 1024
MAX_FIELDS = 16

_log = logging.getLogger(__name__)


class LoginError(Exception):
    """A login that came to nothing. The message tells the visitor what to do."""


class RelyingParty:
    """This server, as the provider knows it."""

    def __init__(self, settings: OpenIdSettings, clock: Clock, public_url: str) -> None:
        self.settings = settings
        self._clock = clock
        self._provider = Provider(settings)
        self._redirect_uri = public_url + RETURN_PATH
        self._cookie = LoginCookie(public_url)

    async def lead(
        self, purpose: Purpose, back: str, *, max_age_s: int, again: bool = False
    ) -> Response:
        """Return the way to the provider, which logs in whom it did not within `max_age_s`.

        `again`: it asks the person in any case. Raises `LoginError`.
        """
        try:
            metadata = await self._provider.metadata()
        except ProviderError as error:
            raise _unavailable(error) from None
        login = Login.start(purpose, back)
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": SCOPE,
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": login.challenge,
            "code_challenge_method": "S256",
            "max_age": str(max_age_s),
        }
        if again:
            asked["prompt"] = "login"
        if self.settings.acr_values:
            asked["acr_values"] = " ".join(self.settings.acr_values)
        # An endpoint may have a query of its own (RFC 6749, section 3.1).
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        response = RedirectResponse(
            metadata.authorization_endpoint + joint + urlencode(asked), 303, headers=dict(HEADERS)
        )
        self._cookie.keep(response, login)
        return response

    async def take_back(self, request: Request) -> tuple[Login, Person]:
        """Return which login came to its end, and who logged in. Raises `LoginError`."""
        login = self._cookie.kept(request)
        if login is None:
            raise LoginError("This sign-in is older than a quarter of an hour. Begin anew.")
        answer = _answer(request)
        if not hmac.compare_digest(answer.get("state", "").encode(), login.state.encode()):
            raise LoginError("This sign-in was begun in another window. Begin anew.")
        try:
            return login, await self._person(answer, login)
        except ProviderError as error:
            raise _unavailable(error) from None

    def kept(self, request: Request) -> Login | None:
        """Return the login that the browser says it comes from, or None."""
        return self._cookie.kept(request)

    def end(self, response: Response) -> None:
        """Let the browser forget its login: it serves once."""
        self._cookie.end(response)

    async def _person(self, answer: Mapping[str, str], login: Login) -> Person:
        metadata = await self._provider.metadata()
        if answer.get("iss", None if metadata.names_itself else self.settings.issuer) != (
            self.settings.issuer
        ):
            raise ProviderError("return: iss is another issuer's")
        if "error" in answer:
            raise _refused(answer["error"])
        code = answer.get("code", "")
        if not code:
            raise ProviderError("return: no code")
        tokens = await self._provider.redeem(code, login.verifier, self._redirect_uri)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise ProviderError("token: no id_token")
        claims = await self._provider.signed_claims(id_token)
        subject = check_token(claims, self.settings, login.nonce, self._clock())
        if isinstance(access_token, str) and not is_complete(claims, self.settings):
            more = await self._provider.userinfo(access_token)
            # Section 5.3.2: without the same subject it may be about anybody.
            if more and more.get("sub") != subject:
                raise ProviderError("userinfo: sub is another person's")
            claims = completed(claims, more, self.settings)
        return person_of(claims, self.settings)


def _answer(request: Request) -> Mapping[str, str]:
    """Return the parameters, each given once (RFC 6749, section 3.1)."""
    query = request.url.query
    try:
        fields = parse_qsl(query, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        fields = []
    if len(query) > MAX_QUERY or len(dict(fields)) < len(fields):
        raise LoginError("Your organisation's sign-in sent an answer that can't be read.")
    return dict(fields)


def _refused(error: str) -> LoginError:
    if error == "access_denied":
        return LoginError("Your organisation's sign-in did not let you in.")
    shown = error if error.isascii() and error.replace("_", "").isalnum() else "unknown"
    _log.warning("the OpenID provider refused a login: %s", shown[:64])
    return LoginError("Your organisation's sign-in could not sign you in. Try again, or ask IT.")


def _unavailable(error: ProviderError) -> LoginError:
    # What is wrong is for whoever runs this server to read, and holds nothing of the person.
    told = f" ({error.error})" if error.error else ""
    _log.warning("no login by the OpenID provider: %s%s", error, told)
    return LoginError("Your organisation's sign-in can't be used at the moment. Try again soon.")
