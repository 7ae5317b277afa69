"""The head of a request is bounded in size and in time, whoever sends it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server import heads
from passmuster_server.heads import MAX_HEAD, BoundedProtocol

PATIENCE_S = 20.0


async def length(request: Request) -> Response:
    return Response(str(len(await request.body())))


async def refusing(_: Request) -> Response:
    return Response(status_code=401)


async def names(request: Request) -> Response:
    await request.body()
    return Response(",".join(request.headers))


@pytest.fixture
def port() -> Iterator[int]:
    app = Starlette(
        routes=[
            Route("/closed", refusing, methods=["POST"]),
            Route("/", length, methods=["POST"]),
            Route("/names", names, methods=["POST"]),
        ]
    )
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http=BoundedProtocol, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def answers(port: int, *pieces: bytes) -> bytes:
    """Return all that is answered until the server closes the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.02)
            while piece := connection.recv(65_536):
                received += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
    return received


@contextlib.contextmanager
def refused(port: int, length: int) -> Iterator[socket.socket]:
    """Yield a connection whose request was answered by its head and one byte of its body."""
    head = b"POST /closed HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(head + b"h")
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        assert received.startswith(b"HTTP/1.1 401 ")
        yield connection


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


def test_an_ordinary_request_is_answered_however_it_is_cut(port: int) -> None:
    request = HEAD + b"Content-Length: 5\r\n\r\nhello"
    pieces = [request[at : at + 7] for at in range(0, len(request), 7)]
    assert answers(port, *pieces).endswith(b"\r\n\r\n5")


def test_a_body_is_no_part_of_the_head(port: int) -> None:
    body = b"x" * (5 * MAX_HEAD)
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    assert answers(port, head + body).endswith(b"\r\n\r\n%d" % len(body))


def test_requests_one_after_the_other_are_counted_each_for_itself(port: int) -> None:
    padded = b"POST / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9_000
    once = padded + b"\r\nContent-Length: 2\r\n\r\nhi"
    pieces = [once] * 6 + [HEAD + b"Content-Length: 2\r\n\r\nhi"]
    assert answers(port, *pieces).count(b"200 OK") == 7


@pytest.mark.parametrize(
    "endless",
    [b"X: 1\r\n" * (MAX_HEAD // 4), b"X: " + b"x" * 2 * MAX_HEAD],
    ids=["many headers", "one header"],
)
def test_a_head_without_end_is_refused(port: int, endless: bytes) -> None:
    assert answers(port, HEAD, endless).startswith(b"HTTP/1.1 431 ")


def test_so_is_an_address_without_end(port: int) -> None:
    assert answers(port, b"POST /" + b"x" * 2 * MAX_HEAD).startswith(b"HTTP/1.1 431 ")


def test_headers_behind_the_body_have_no_more_room(port: int) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
    received = answers(port, head, b"X: 1\r\n" * MAX_HEAD)
    assert b"200 OK" not in received


def test_and_they_are_no_headers_of_the_request(port: int) -> None:
    head = HEAD.replace(b"/", b"/names", 1) + b"Transfer-Encoding: chunked\r\n\r\n"
    told = answers(port, head, b"2\r\nhi\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert told.endswith(b"\r\n\r\nhost,connection,transfer-encoding")


def test_a_head_that_does_not_come_to_its_end_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.2)
    assert answers(port, HEAD) == b""
    assert answers(port) == b"", "and neither is one that never begins"


def test_neither_is_a_body(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 0.2)
    head = HEAD + b"Content-Length: 5\r\n\r\n"
    assert answers(port, head) == b""
    assert answers(port, head, b"hel") == b""
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert answers(port, chunked, b"5\r\nhello\r\n") == b""


def test_a_long_body_may_take_as_long_as_it_comes(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 0.1)
    monkeypatch.setattr(heads, "BODY_RATE", 1)
    head = HEAD + b"Content-Length: 50\r\n\r\n"
    pieces = [head + b"x" * 30, *[b"x"] * 20]
    assert answers(port, *pieces).endswith(b"\r\n\r\n50")


@pytest.mark.parametrize("rest", [b"i", b"iPOST / HT"], ids=["its end", "more"])
def test_nobody_keeps_a_connection_by_what_comes_behind_an_answer(
    port: int, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    """uvicorn waits no longer once anything comes, and begins anew with the next answer alone."""
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.2)
    with refused(port, 2) as connection:
        connection.sendall(rest)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(65_536) == b""


def test_nor_by_a_body_that_nobody_reads(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 0.2)
    with refused(port, 9) as connection:
        connection.sendall(b"i")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(65_536) == b""


def test_whoever_was_answered_early_may_ask_again(port: int) -> None:
    with refused(port, 2) as connection:
        connection.sendall(b"i" + HEAD + b"Content-Length: 5\r\n\r\nhello")
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    assert received.endswith(b"\r\n\r\n5")
