"""Push delivery (RFC 8935): one SET in one request, and what its receiver says of it."""

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum

import httpx
import msgspec

SET_TYPE = "secevent+jwt"
TIMEOUT_S = 10.0
MAX_ANSWER = 16 * 1024
MAX_DESCRIPTION = 256

_MAY_BE_MENDED = frozenset({"authentication_failed", "access_denied", "invalid_key"})
"""Refusals (RFC 8935, section 2.4) that say nothing about this very event: it is tried again."""


class Outcome(StrEnum):
    """What became of one push."""

    TAKEN = "taken"
    REFUSED = "refused"
    """The receiver has read this event and does not want it; it is not sent again."""
    FAILED = "failed"
    """The receiver could not be asked, or could not answer; it is tried again later."""


@dataclass(frozen=True)
class Pushed:
    """The outcome and, unless it was taken, why, without anything of the event."""

    outcome: Outcome
    why: str = ""


class _Error(msgspec.Struct):
    err: str
    description: str = ""


class Pusher:
    """Sends to receivers, trusting the system's authorities.

    Follows no redirect and uses no proxy that the environment names.
    """

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=TIMEOUT_S,
            limits=httpx.Limits(max_connections=256, max_keepalive_connections=64),
            headers={"User-Agent": "passmuster"},
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def push(self, url: str, credential: str | None, token: str) -> Pushed:
        """Send one SET and return what became of it."""
        headers = {"Content-Type": f"application/{SET_TYPE}", "Accept": "application/json"}
        if credential is not None:
            headers["Authorization"] = credential
        return await self.post(url, token.encode("ascii"), headers)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Pushed:
        """Send a body and return what became of it."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._client.stream("POST", url, content=body, headers=headers) as response,
            ):
                answer = bytearray()
                async for chunk in response.aiter_bytes():
                    answer += chunk
                    if len(answer) > MAX_ANSWER:
                        break
                return pushed(response.status_code, bytes(answer[:MAX_ANSWER]))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ssl.SSLError, OSError) as error:
            # An error's text may hold the address with what somebody has put into it.
            return Pushed(Outcome.FAILED, type(error).__name__)


def pushed(status: int, answer: bytes) -> Pushed:
    """Return what an answer means: 202 has it (and so has any other 2xx of a lenient receiver).

    400 with an error code refuses the event; everything else is a failure.
    """
    if 200 <= status < 300:
        return Pushed(Outcome.TAKEN)
    if status != 400:
        return Pushed(Outcome.FAILED, f"status {status}")
    try:
        error = msgspec.json.decode(answer, type=_Error)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Pushed(Outcome.FAILED, "status 400 without an error code")
    if error.err in _MAY_BE_MENDED:
        return Pushed(Outcome.FAILED, error.err)
    why = _printable(f"{error.err}: {error.description}" if error.description else error.err)
    return Pushed(Outcome.REFUSED, why)


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown[:MAX_DESCRIPTION]
