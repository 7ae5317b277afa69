"""Requests to the server: TLS under the pinned authority, no redirects, answers of bounded size.

`requests` is told everything explicitly, because by itself it would take its certificates
(REQUESTS_CA_BUNDLE), its credentials (.netrc) and its proxies from the environment.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import get_environ_proxies

from passmuster_agent import __version__
from passmuster_agent import delivery_words as words
from passmuster_agent.errors import AgentError, ExitCode
from passmuster_collectors.contract import codec, strict_json
from passmuster_collectors.contract.errors import ContractError
from passmuster_collectors.contract.problem import CONTENT_TYPE as PROBLEM_TYPE
from passmuster_collectors.contract.problem import Problem
from passmuster_collectors.contract.verdict import LIMITS_TYPE

CONNECT_S = 5.0
READ_S = 20.0
ANSWER_S = 30.0
MAX_ANSWER_BYTES = 256 * 1024
LONGEST_WAIT_S = 3600
"""A `Retry-After` beyond this is taken as this: a mistake there must not silence a laptop."""


class UnreachableError(AgentError):
    """No answer of the server's arrived; whether it got the request is not known.

    An answer with a status of 500 and more is none: a gateway gives it for a server that has taken
    the request and is gone. `retry_after_s` is the least to wait, in seconds.
    """

    def __init__(self, problem: str, remedy: str, retry_after_s: int = 0) -> None:
        super().__init__(problem, remedy, ExitCode.NOT_DELIVERED)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Reply:
    """An answer of any status. `problem` is there when it is one of the server's own refusals."""

    status: int
    body: bytes
    problem: Problem | None
    retry_after_s: int


def check_url(url: str) -> str:
    """Return the server's URL without a trailing slash.

    Raises `AgentError` for what is not HTTPS, except HTTP to this machine itself.
    """
    parts = urlsplit(url)
    try:
        valid = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or parts.scheme not in ("https", "http") or parts.query or parts.fragment:
        raise AgentError(
            "The server's URL is not one.", "It looks like this: https://passmuster.example.com"
        )
    if parts.username is not None:
        raise AgentError("The server's URL holds a user name.", "Leave it out.")
    if parts.scheme == "http" and not is_loopback(url):
        raise AgentError(
            "The server's URL is not encrypted.",
            "Use https:// (http:// is for a server on this very machine only).",
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the URL leads to this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def request_headers(content_type: str) -> Mapping[str, str]:
    """Return what goes with every request, beside what HTTP itself needs."""
    return {
        "Content-Type": content_type,
        "Accept": f"{LIMITS_TYPE}, application/json, {PROBLEM_TYPE}",
        "Accept-Encoding": "identity",
        "User-Agent": f"passmuster-agent/{__version__}",
    }


class Transport:
    """A connection to one server. `authority` is a PEM file, the only trust; None: public ones."""

    def __init__(self, server_url: str, authority: Path | None) -> None:
        self.server_url = check_url(server_url)
        self._verify: str | bool = True if authority is None else str(authority)
        self._session = requests.Session()
        self._session.trust_env = False
        self._proxies = {} if is_loopback(server_url) else get_environ_proxies(server_url)

    def url(self, path: str) -> str:
        """Return the full URL of a path of the server's interface."""
        return f"{self.server_url}/api/v1/{path}"

    def post(self, path: str, body: bytes, content_type: str) -> Reply:
        """Send one request and return the answer, whatever its status.

        Raises `UnreachableError` where none came, or one larger than 256 KiB or slower than 30 s.
        """
        deadline = time.monotonic() + ANSWER_S
        try:
            with self._session.post(
                self.url(path),
                data=body,
                headers=request_headers(content_type),
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                proxies=self._proxies,
            ) as response:
                content = _read(response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from None
        return Reply(
            response.status_code,
            content,
            _problem(response, content),
            _retry_after(response.headers.get("Retry-After", "")),
        )

    def date(self) -> str:
        """Return what the server says the time is: the `Date` header of any answer, or nothing.

        Raises `UnreachableError` where none came.
        """
        try:
            with self._session.get(
                f"{self.server_url}/healthz",
                headers=request_headers("application/json"),
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                proxies=self._proxies,
            ) as response:
                return str(response.headers.get("Date", ""))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from None

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _unreachable(self, error: Exception) -> UnreachableError:
        server = self.server_url
        if isinstance(error, requests.exceptions.SSLError):
            reason = _certificate_reason(error)
            return UnreachableError(
                words.NOT_PROVEN.format(server=server, reason=reason),
                f"{words.TELL_IT} {words.NEW_AUTHORITY}",
            )
        if isinstance(error, requests.exceptions.ProxyError):
            return UnreachableError(words.PROXY_REFUSED.format(server=server), words.CHECK_PROXY)
        if isinstance(error, requests.exceptions.Timeout):
            return UnreachableError(words.LATE.format(server=server), words.CHECK_NETWORK)
        if isinstance(error, _AnswerError):
            problem = error.template.format(server=server, count=error.count)
            return UnreachableError(problem, words.TELL_IT)
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            return UnreachableError(words.NO_AUTHORITY.format(reason=error), words.PIN_AGAIN)
        return UnreachableError(
            words.OUT_OF_REACH.format(server=server), words.CHECK_NETWORK_AND_URL
        )


class _AnswerError(requests.RequestException):
    """The answer is not one that is read to its end: `count` is the limit that it passed."""

    def __init__(self, template: str, count: int) -> None:
        super().__init__(template)
        self.template = template
        self.count = count


def _read(response: requests.Response, deadline: float) -> bytes:
    """Return the body, read piece by piece so that a slow one can't outlast the deadline."""
    content = bytearray()
    while piece := response.raw.read1(16_384, decode_content=False):
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise _AnswerError(words.TOO_MUCH, MAX_ANSWER_BYTES)
        if time.monotonic() > deadline:
            raise _AnswerError(words.TOO_SLOW, round(ANSWER_S))
    return bytes(content)


def _problem(response: requests.Response, content: bytes) -> Problem | None:
    kind = response.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()
    if response.status_code < 400 or kind != PROBLEM_TYPE:
        return None
    try:
        return codec.decode(Problem, strict_json.parse(content, max_bytes=16_384))
    except ContractError:
        return None


def _retry_after(value: str) -> int:
    """Return the seconds in `Retry-After` (RFC 9110, section 10.2.3).

    The other form, a date, would rest on this laptop's clock and is not used by our server.
    """
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return 0
    return min(int(digits), LONGEST_WAIT_S)


def _certificate_reason(error: BaseException) -> str:
    """Return OpenSSL's own words, which lie below several layers of wrapping."""
    layer: Any = error
    for _ in range(8):
        message = getattr(layer, "verify_message", "")
        if message:
            return str(message)
        below = getattr(layer, "reason", None) or layer.__cause__ or layer.__context__
        if below is None and layer.args:
            below = layer.args[0]
        if not isinstance(below, BaseException):
            return str(below or layer)[:200]
        layer = below
    return "unknown reason"
