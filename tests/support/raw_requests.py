"""Requests as bytes on a connection: what a client may send and a library would not."""

import socket
import time
from collections.abc import Callable

import uvicorn

PATIENCE_S = 20.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        time.sleep(0.01)


def connected(server: uvicorn.Server) -> socket.socket:
    """Return a connection to a server that runs in this process."""
    return socket.create_connection(server.servers[0].sockets[0].getsockname(), PATIENCE_S)


def answers(connection: socket.socket, number: int) -> list[bytes]:
    """Return so many whole answers, or fewer where the connection is closed before."""
    received = b""
    found: list[bytes] = []
    while len(found) < number:
        head, separator, rest = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        if separator and len(rest) >= length:
            found.append(head + separator + rest[:length])
            received = rest[length:]
            continue
        piece = connection.recv(65_536)
        if not piece:
            break
        received += piece
    return found


def request(body: bytes, *headers: bytes, line: bytes = b"POST /door HTTP/1.1") -> bytes:
    """Return a request with a body of a known length."""
    lines = [line, b"Host: localhost", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", b""]) + body
