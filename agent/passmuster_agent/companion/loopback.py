"""Where this user's browser asks on which laptop it is: one address, one kind of request.

It listens on 127.0.0.1 alone and takes nothing but the navigation of a window to `PATH`. Everybody
else, whatever they send, gets the same refusal: a page that looks for us, another site's request,
a name that was made to lead here (the `Host` header tells). Fetch metadata is by the W3C's
https://www.w3.org/TR/fetch-metadata/, and a browser lets no page change it.
"""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from passmuster_agent.companion.allowance import Allowance
from passmuster_agent.companion.socket_owner import is_own_connection
from passmuster_collectors.contract.attestation import MAX_SUMMONS, PATH, PORTS

log = logging.getLogger(__name__)

MAX_HEAD = 8_192
MOST_CONNECTIONS = 16
HEAD_WITHIN_S = 2.0
ANSWER_WITHIN_S = 15.0
"""The laptop reads everything anew, reports and signs meanwhile."""

MOST_ASKED, PER_S = 20, 60.0
NEVER = float("inf")

REFUSAL = (
    b"HTTP/1.1 404 Not Found\r\n"
    b"Content-Length: 0\r\n"
    b"Cache-Control: no-store\r\n"
    b"Connection: close\r\n\r\n"
)
_ALLOWED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
_FORBIDDEN = ("origin", "content-length", "transfer-encoding", "upgrade")
_REQUIRED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@dataclass
class _Connection:
    """One that was accepted; `number` is that of its question once the daemon was asked."""

    stream: socket.socket
    until: float
    head: bytes = b""
    number: int = 0


class Loopback:
    """The listener. `ask(number, summons)` passes a question on; `answer` brings the way back."""

    def __init__(
        self,
        ask: Callable[[int, str], bool],
        ports: Iterable[int] = PORTS,
        is_own: Callable[[socket.socket], bool] = is_own_connection,
    ) -> None:
        self._ask = ask
        self._is_own = is_own
        self._listening = _listen(ports)
        self._connections: dict[int, _Connection] = {}
        self._allowance = Allowance(MOST_ASKED, PER_S)
        self._number = 0

    @property
    def port(self) -> int:
        """Where it listens, or 0 where every port was taken."""
        return self._listening.getsockname()[1] if self._listening is not None else 0

    def descriptors(self) -> tuple[int, ...]:
        """Return what becomes readable when a browser comes or speaks."""
        speaking = (fd for fd, each in self._connections.items() if not each.number)
        own = () if self._listening is None else (self._listening.fileno(),)
        return (*own, *speaking)

    def next_at(self) -> float:
        """Return when the next connection has taken too long."""
        return min((each.until for each in self._connections.values()), default=NEVER)

    def step(self, at: float) -> None:
        """Let browsers in, hear them, and let go who takes too long."""
        self._accept(at)
        for descriptor, each in list(self._connections.items()):
            if at >= each.until:
                self._finish(descriptor, REFUSAL)
            elif not each.number:
                self._hear(descriptor, each, at)

    def answer(self, number: int, url: str | None) -> None:
        """Send the browser that put the question on to `url`, or refuse it."""
        for descriptor, each in list(self._connections.items()):
            if each.number == number:
                self._finish(descriptor, REFUSAL if url is None else _redirect(url))

    def close(self) -> None:
        """Let all go and listen no more."""
        for descriptor in list(self._connections):
            self._finish(descriptor, REFUSAL)
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _accept(self, at: float) -> None:
        while self._listening is not None:
            try:
                stream, _ = self._listening.accept()
            except OSError:
                return
            stream.setblocking(False)
            if len(self._connections) >= MOST_CONNECTIONS:
                # The oldest has had its time; else whoever holds all would shut everybody out.
                self._finish(next(iter(self._connections)), REFUSAL)
            self._connections[stream.fileno()] = _Connection(stream, at + HEAD_WITHIN_S)

    def _hear(self, descriptor: int, each: _Connection, at: float) -> None:
        try:
            data = each.stream.recv(MAX_HEAD + 1 - len(each.head))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        each.head += data
        if not data or len(each.head) > MAX_HEAD:
            self._finish(descriptor, REFUSAL)
            return
        if b"\r\n\r\n" not in each.head:
            return
        summons = read_request(each.head, self.port)
        if summons is None or not self._is_own(each.stream) or not self._allowance.spend(at):
            self._finish(descriptor, REFUSAL)
            return
        self._number += 1
        each.number, each.until = self._number, at + ANSWER_WITHIN_S
        if not self._ask(self._number, summons):
            self._finish(descriptor, REFUSAL)

    def _finish(self, descriptor: int, answer: bytes) -> None:
        each = self._connections.pop(descriptor)
        # A head may have more behind it than was read; unread bytes would reset the connection.
        with contextlib.suppress(OSError):
            each.stream.send(answer)
            each.stream.shutdown(socket.SHUT_WR)
            each.stream.recv(MAX_HEAD)
        each.stream.close()


def read_request(head: bytes, port: int) -> str | None:
    """Return the summons of a window's navigation to us, or None for every other request."""
    lines = head.partition(b"\r\n\r\n")
    if lines[2]:
        return None
    try:
        request, *fields = lines[0].decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        return None
    method, _, rest = request.partition(" ")
    target, _, version = rest.partition(" ")
    summons = target.removeprefix(f"{PATH}?c=")
    headers = _headers(fields)
    if method != "GET" or version != "HTTP/1.1" or summons == target or headers is None:
        return None
    if not 0 < len(summons) <= MAX_SUMMONS or not set(summons.encode("ascii")) <= _ALLOWED:
        return None
    if headers.get("host") != f"127.0.0.1:{port}" or any(name in headers for name in _FORBIDDEN):
        return None
    if any(headers.get(name) != value for name, value in _REQUIRED.items()):
        return None
    return summons


def _headers(fields: list[str]) -> Mapping[str, str] | None:
    """Return the fields by their lower-case names, or None where one is odd or comes twice."""
    found: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        key = name.lower()
        if not colon or not name or name != name.strip() or key in found:
            return None
        found[key] = value.strip(" \t")
    return found


def _redirect(url: str) -> bytes:
    return (
        "HTTP/1.1 303 See Other\r\n"
        f"Location: {url}\r\n"
        "Content-Length: 0\r\n"
        "Cache-Control: no-store\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Connection: close\r\n\r\n"
    ).encode("ascii")


def _listen(ports: Iterable[int]) -> socket.socket | None:
    for port in ports:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                # On Windows another program could else listen at the same address.
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen(16)
            listening.setblocking(False)
        except OSError:
            listening.close()
            continue
        log.info("Browsers may ask at 127.0.0.1:%d.", port)
        return listening
    log.warning("No port is free at which a browser could ask.")
    return None
