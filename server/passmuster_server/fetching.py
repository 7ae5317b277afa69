"""JSON from other servers: in time, of bounded size, and from the very address that was asked."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

TIMEOUT_S = 5.0
MAX_ANSWER = 256 * 1024


class FetchError(Exception):
    """What was asked for did not come. The message holds nothing of the answer.

    `status` is the answer's, 0 where there was none; `error` is OAuth's error code in it, if any.
    """

    def __init__(self, why: str, *, status: int = 0, error: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.error = error


async def fetch_json(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the JSON object at `url`, posted a `form` where there is one. Raises `FetchError`.

    Follows no redirect, uses no proxy that the environment names, trusts the system's authorities.
    """
    # A server has it loaded, for what it pushes; the commands fetch nothing.
    import httpx  # noqa: PLC0415

    content = bytearray()
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(verify=_trust(), trust_env=False, timeout=TIMEOUT_S) as client,
            client.stream(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers={
                    "Accept": "application/json",
                    "User-Agent": "passmuster",
                    **(headers or {}),
                },
            ) as response,
        ):
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > MAX_ANSWER:
                    raise FetchError("too large")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise FetchError(type(error).__name__) from None
    found = _parsed(bytes(content))
    status = response.status_code
    if status != 200:
        code = "" if found is None else found.get("error", "")
        shown = code if isinstance(code, str) and code.isascii() and code.isprintable() else ""
        raise FetchError(f"status {status}", status=status, error=shown[:64])
    if found is None:
        raise FetchError("no JSON object")
    return found


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
