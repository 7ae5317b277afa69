"""Pages for workers: they hold their style themselves, so that a proxy can show them anywhere.

They speak the reader's language: the one that was picked on a page of ours, else what the browser
asks for.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from passmuster_collectors.languages import NAMES, Language, chosen, language_of
from passmuster_server.web import formats
from passmuster_server.web.assets import ASSETS
from passmuster_server.web.pages import Pages

STYLE = (ASSETS["tokens.css"].content + (Path(__file__).parent / "worker.css").read_bytes()).decode(
    "utf-8"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode("utf-8")).digest()).decode("ascii")
"""What a content security policy lets the style in by: `'sha256-...'`."""

READ_ONLY_POLICY = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src 'self'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
}
"""For pages without scripts and forms."""

MY_LAPTOPS = "/my-laptops"
"""Where a worker reads what is stored of their laptops."""

LANGUAGE = "language"
"""The query parameter that picks a language."""
COOKIE = "passmuster_language"
KEPT_S = 365 * 86_400
HERE = "?"
"""The address that the browser is at: it asked for this very page."""
_ONCE = frozenset({LANGUAGE, "again"})
"""Parameters that a link to the same page in another language leaves out."""


def language_for(request: Request) -> Language:
    """Return the language that the reader picked, or else the browser's."""
    picked = _picked(request) or request.cookies.get(COOKIE, "")
    if picked in NAMES:
        return language_of(picked)
    return chosen(request.headers.get("accept-language", ""))


class WorkerPages:
    """The worker's pages of one area."""

    def __init__(self, folder: Path, *, public_url: str, contact: str) -> None:
        self._pages = Pages(folder)
        self._secure = public_url.startswith("https://")
        self._shared = {
            "style": STYLE,
            "contact": contact,
            "contact_link": _contact_link(contact),
            "privacy_link": f"{public_url}/privacy",
            "my_laptops_link": f"{public_url}{MY_LAPTOPS}",
        }

    def response(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        here: str = HERE,
        **values: Any,
    ) -> Response:
        """Return the page in the reader's language.

        `here` is the page's own address, where it can be read in another language; empty for a page
        that can't be asked for twice.
        """
        language = language_for(request)
        response = self._pages.response(
            template,
            status=status,
            headers={
                "Content-Language": language.tag,
                "Vary": "Accept-Language, Cookie",
                **(headers or {}),
            },
            language=language,
            choices=_choices(request, here),
            t=_said_in(language),
            counted=language.count,
            **self._shared,
            **values,
        )
        if _picked(request):
            response.set_cookie(
                COOKIE,
                language.tag,
                max_age=KEPT_S,
                path="/",
                secure=self._secure,
                httponly=True,
                samesite="lax",
            )
        return response


def _picked(request: Request) -> str:
    picked = request.query_params.get(LANGUAGE, "")
    return picked if picked in NAMES else ""


def _choices(request: Request, here: str) -> tuple[tuple[str, str, str], ...]:
    """Return the tag and the name of each language, with the address of the page in it."""
    if not here:
        return ()
    kept = []
    if here == HERE:
        kept = [each for each in request.query_params.multi_items() if each[0] not in _ONCE]
    else:
        here += HERE
    return tuple(
        (tag, name, here + urlencode([*kept, (LANGUAGE, tag)])) for tag, name in NAMES.items()
    )


def _said_in(language: Language) -> Callable[..., Markup]:
    def said(text: str, /, **values: Any) -> Markup:
        upright = {name: formats.upright(value) for name, value in values.items()}
        # Our own attributes stand between double quotes, so an apostrophe ends none.
        escaped = str(escape(language.template(text))).replace("&#39;", "'")
        return Markup(escaped).format_map(upright)  # noqa: S704 - escaped above

    return said


def _contact_link(contact: str) -> str | None:
    if contact.startswith(("https://", "mailto:", "tel:")):
        return contact
    if "@" in contact and " " not in contact:
        return f"mailto:{contact}"
    return None
