"""The way back to the relying party: by a redirect's query, or by a form that sends itself.

OAuth 2.0 Form Post Response Mode; RFC 9207 for `iss`, which tells answers of providers apart.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from passmuster_server.gate.oidc.parameters import AuthorizationError, Way
from passmuster_server.web.pages import Pages

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_FORM_HEADERS = {
    # Without form-action: browsers would hold every redirect behind the form against it.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    # Under no-referrer the relying party would be told the origin "null".
    "Referrer-Policy": "strict-origin",
}


class Answers:
    """Writes answers in the name of `issuer`."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._pages = Pages(Path(__file__).parent / "templates")

    def refusal(self, way: Way, error: AuthorizationError) -> Response:
        """Return an error response (section 3.1.2.6)."""
        return self.answer(way, {"error": error.error, "error_description": error.description})

    def answer(self, way: Way, values: Mapping[str, str]) -> Response:
        """Return an answer with these values, the state that was sent, and who speaks."""
        told = {**values, "iss": self._issuer}
        if way.state is not None:
            told["state"] = way.state
        if way.mode == "form_post":
            return self._pages.response(
                "form_post.html", headers=_FORM_HEADERS, action=way.redirect_uri, values=told
            )
        if way.mode == "fragment":
            target = f"{way.redirect_uri}#{urlencode(told)}"
        else:
            separator = "&" if "?" in way.redirect_uri else "?"
            target = f"{way.redirect_uri}{separator}{urlencode(told)}"
        return RedirectResponse(target, 303, headers=_HEADERS)
