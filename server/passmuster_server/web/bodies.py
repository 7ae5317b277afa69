"""Request bodies, never more of them than the route allows."""

import re

import msgspec
from starlette.requests import Request

from passmuster_collectors.contract.errors import ContractError
from passmuster_server.web.problems import RefusalError

_PLACE = re.compile(r" - at `\$\.?([\w.\[\]]*)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")


async def read_body(request: Request, *, limit: int, content_type: str) -> bytes:
    """Return the body of at most `limit` bytes.

    Raises `RefusalError` 415 for another content type and 413 as soon as the limit is passed,
    whatever `Content-Length` said.
    """
    given = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if given != content_type:
        raise RefusalError(415, "wrong_content_type", f"Send {content_type}.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> RefusalError:
    return RefusalError(413, "too_large", f"The body may have at most {limit} bytes.")


def wrong_field(error: msgspec.ValidationError) -> ContractError:
    """Return what msgspec refused, with the field that is wrong."""
    message = str(error)
    place = _PLACE.search(message)
    field = place.group(1) if place else ""
    missing = _MISSING.search(message)
    if missing:
        return ContractError(".".join(filter(None, (field, missing.group(1)))), "missing")
    return ContractError(field, _PLACE.sub("", message).replace("`", ""))
