"""Forms that change something: small, from our own pages, with the visitor's own token."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from passmuster_collectors.contract.canonical import base64url
from passmuster_server.web.bodies import read_body
from passmuster_server.web.problems import RefusalError

MAX_FORM = 4_096
MAX_FIELDS = 16
MAX_SHOWN = 40
"""Letters of a field's name that are repeated to whoever sent it."""
TOKEN_FIELD = "form_token"  # noqa: S105 - a field's name


def form_token(secret: str) -> str:
    """Return the token that belongs in every form of the visitor whose cookie is `secret`."""
    return base64url(hashlib.sha256(b"passmuster form\0" + secret.encode("utf-8")).digest())


async def read_form(
    request: Request,
    *,
    secret: str,
    public_url: str,
    limit: int = MAX_FORM,
    most: int = MAX_FIELDS,
) -> Mapping[str, str]:
    """Return the at most `most` fields of a form of at most `limit` bytes that our own page sent.

    Raises `RefusalError` 403 when the browser says that another site sent it, or when its token
    doesn't belong to the visitor's cookie; 400 for a form that can't be read.
    """
    _require_own_page(request, public_url)
    body = await read_body(request, limit=limit, content_type="application/x-www-form-urlencoded")
    try:
        fields = dict(parse_qsl(body.decode("utf-8"), max_num_fields=most))
    except ValueError:
        raise RefusalError(400, "malformed", "The form can't be read.") from None
    for name, text in fields.items():
        # PostgreSQL takes no text with one in it, and no field of ours has a use for it.
        if "\0" in text:
            shown = name if name.isidentifier() and len(name) <= MAX_SHOWN else "a field"
            raise RefusalError(400, "malformed", f"{shown}: expected a text without NUL")
    given = fields.pop(TOKEN_FIELD, "").encode("utf-8")
    if not secret or not hmac.compare_digest(given, form_token(secret).encode("utf-8")):
        raise _foreign("The form is out of date. Reload the page and try again.")
    return fields


def own_path(text: str) -> str:
    """Return a path on this server; anything else leads to the fleet."""
    if not text.startswith("/") or text.startswith(("//", "/\\")) or not text.isprintable():
        return "/fleet"
    return text


def _require_own_page(request: Request, public_url: str) -> None:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise _foreign("The form was sent by another site.")
        return
    # Browsers send Sec-Fetch-Site to trustworthy addresses only, but Origin with every POST.
    parts = urlsplit(public_url)
    if request.headers.get("origin") != f"{parts.scheme}://{parts.netloc}":
        raise _foreign("The form was sent by another site.")


def _foreign(detail: str) -> RefusalError:
    return RefusalError(403, "foreign_form", detail)
