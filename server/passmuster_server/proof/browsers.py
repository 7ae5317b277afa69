"""The cookies by which a browser is known again: its session, and the port of its companion."""

import hashlib
import secrets

from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.contract.attestation import PORTS
from passmuster_collectors.contract.canonical import base64url

TOKEN_BYTES = 32
MAX_TOKEN = 128
SESSION_S = 12 * 3600
PORT_S = 90 * 86_400
WINDOW = "passmuster_window"
"""Set by the page's own script while it has a second window open; says nothing of anybody."""


class Browsers:
    """Reads and sets the cookies; over https they are bound to this host by their name."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        prefix = "__Host-" if self._secure else ""
        self._session = f"{prefix}passmuster_browser"
        self._port = f"{prefix}passmuster_port"

    def session(self, request: Request) -> str:
        """Return the id of the browser's session, or an empty text. The cookie itself is secret."""
        token = request.cookies.get(self._session, "")
        return _named(token) if 0 < len(token) <= MAX_TOKEN else ""

    def start(self, response: Response) -> tuple[str, str]:
        """Give the browser a session; return its cookie's value and its id."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self.keep(response, token)
        return token, _named(token)

    def keep(self, response: Response, token: str) -> None:
        """Set the session's cookie.

        `lax`, since the companion sends the browser back, and it is another site.
        """
        self._set(response, self._session, token, SESSION_S)

    def port(self, request: Request) -> int:
        """Return the port at which this browser has found its companion before, or 0."""
        text = request.cookies.get(self._port, "")
        port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
        return port if port in PORTS else 0

    def remember_port(self, response: Response, port: int) -> None:
        """Let the browser go there at once the next time; 0 forgets."""
        if port in PORTS:
            self._set(response, self._port, str(port), PORT_S)
        else:
            response.delete_cookie(
                self._port, path="/", secure=self._secure, httponly=True, samesite="lax"
            )

    def _set(self, response: Response, name: str, value: str, max_age_s: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age_s,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )


def _named(token: str) -> str:
    return base64url(hashlib.sha256(b"passmuster browser\0" + token.encode("utf-8")).digest())
