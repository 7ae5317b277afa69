"""The two cookies of the pages for IT: the session, and the secret behind a form before it."""

import secrets

from starlette.requests import Request
from starlette.responses import Response

from passmuster_server.accounts.sessions import MAX_TOKEN, SESSION_LIFETIME, TOKEN_BYTES

VISITOR_LIFETIME_S = 3_600


class Cookies:
    """Reads and sets the cookies; over https they are bound to this host by their name."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        prefix = "__Host-" if self._secure else ""
        self._session = f"{prefix}passmuster_session"
        self._visitor = f"{prefix}passmuster_visitor"

    def session(self, request: Request) -> str:
        """Return the session's token, or an empty text."""
        return _bounded(request.cookies.get(self._session, ""))

    def visitor(self, request: Request) -> str:
        """Return the secret of a visitor who is not signed in, or an empty text."""
        return _bounded(request.cookies.get(self._visitor, ""))

    def start_visit(self, response: Response) -> str:
        """Give a visitor a secret that the sign-in form is bound to, and return it."""
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        self._set(response, self._visitor, secret, VISITOR_LIFETIME_S)
        return secret

    def start_session(self, response: Response, token: str) -> None:
        """Give a visitor who signed in the session's token."""
        self._set(response, self._session, token, int(SESSION_LIFETIME.total_seconds()))
        self._clear(response, self._visitor)

    def end_session(self, response: Response) -> None:
        """Take the session's token back."""
        self._clear(response, self._session)

    def _set(self, response: Response, name: str, value: str, max_age_s: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age_s,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )

    def _clear(self, response: Response, name: str) -> None:
        response.delete_cookie(
            name, path="/", secure=self._secure, httponly=True, samesite="strict"
        )


def _bounded(value: str) -> str:
    return value if len(value) <= MAX_TOKEN else ""
