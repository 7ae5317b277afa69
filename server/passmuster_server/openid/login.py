"""One login at the provider, as the browser keeps it: everything follows from one secret cookie.

The cookie has to come along when the provider sends the browser back, which a strict one would not:
so it is lax, and good for that one address and a quarter of an hour.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.contract.canonical import base64url, from_base64url
from passmuster_collectors.contract.errors import ContractError

RETURN_PATH = "/openid/return"
ENROL_PATH = "/enroll"
"""Where workers approve a laptop of theirs: short enough to be typed."""
LIFETIME_S = 900
SECRET_BYTES = 32
MAX_COOKIE = 1024
MAX_BACK = 400


class Purpose(StrEnum):
    """What somebody logs in for."""

    SIGN_IN = "sign_in"
    PROVE = "prove"
    ENROL = "enrol"


BEGINNINGS: Mapping[Purpose, str] = {
    Purpose.SIGN_IN: "/sign-in",
    Purpose.PROVE: "/account",
    Purpose.ENROL: ENROL_PATH,
}
"""Where a login of each purpose can be begun anew."""

ARRIVALS: Mapping[Purpose, str] = {
    Purpose.SIGN_IN: "/sign-in/openid/arrived",
    Purpose.PROVE: "/sign-in/openid/arrived",
    Purpose.ENROL: ENROL_PATH,
}
"""What each purpose goes on with."""


@dataclass(frozen=True)
class Login:
    """One that is under way; `back` is the path on this server that it leads to in the end."""

    purpose: Purpose
    back: str
    secret: str

    @classmethod
    def start(cls, purpose: Purpose, back: str) -> "Login":
        """Return a new one."""
        return cls(purpose, back[:MAX_BACK], secrets.token_urlsafe(SECRET_BYTES))

    @property
    def state(self) -> str:
        """What the provider sends back as it is: it ties the answer to this browser."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token has to hold."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What only we can redeem the code with (RFC 7636, section 4.1)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """The verifier as it is shown to everybody (section 4.2, S256)."""
        return base64url(hashlib.sha256(self.verifier.encode("ascii")).digest())

    def _derived(self, name: str) -> str:
        text = "\0".join((name, self.purpose, self.back, self.secret))
        return base64url(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())


class LoginCookie:
    """The cookie."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        self._name = f"{'__Host-' if self._secure else ''}passmuster_openid"

    def keep(self, response: Response, login: Login) -> None:
        """Let the browser keep the login."""
        back = base64url(login.back.encode("utf-8", "surrogatepass"))
        response.set_cookie(
            self._name,
            f"{login.purpose}.{login.secret}.{back}",
            max_age=LIFETIME_S,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def kept(self, request: Request) -> Login | None:
        """Return the login that the browser keeps, or None."""
        value = request.cookies.get(self._name, "")
        if len(value) > MAX_COOKIE:
            return None
        try:
            purpose, secret, back = value.split(".")
            return Login(Purpose(purpose), from_base64url(back, "back").decode("utf-8"), secret)
        except (ContractError, ValueError):
            return None

    def end(self, response: Response) -> None:
        """Let the browser forget it."""
        response.delete_cookie(
            self._name, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
