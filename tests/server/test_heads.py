"""The head of a request is bounded in size and in time, whoever sends it."""

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


async def names(request: Request) -> Response:
    await request.body()
    return Response(",".join(request.headers))


@pytest.fixture
def port() -> Iterator[int]:
    app = Starlette(
        routes=[
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
