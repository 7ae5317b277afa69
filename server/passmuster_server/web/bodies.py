"""Request bodies, never more of them than the route allows."""

from starlette.requests import Request

from passmuster_server.web.problems import RefusalError


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
