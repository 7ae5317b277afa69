"""The doors that answer before ASGI, and how everything else about a request goes on as ever."""

import asyncio
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
from passmuster_server.at_once import AtOnceProtocol, protocol_with
from passmuster_server.doors import Answer, Client, Headers, Later
from passmuster_server.heads import MAX_HEAD
from tests.support.raw_requests import answers, connected, request, until

LONGEST = 100
KEPT_S = 1
"""How long a connection is kept without a request, where a test waits for that."""


class Door:
    """Answers at once what begins with "quick"; breaks, or is at a loss, over other bodies."""

    max_body = LONGEST

    def waits_for_body(self, _: Headers) -> bool:
        return False

    def at_once(self, headers: Headers, body: bytes, _: Client) -> Answer | Later | None:
        if body.startswith(b"broken"):
            raise LookupError("ours")
        if not body.startswith(b"quick"):
            return None
        told = b"at once: %b" % dict(headers).get(b"x-mark", body)
        return b"content-length: %d\r\n" % len(told), told


async def usual(request: Request) -> Response:
    body = await request.body()
    if body.startswith(b"long"):
        await asyncio.sleep(1.5 * KEPT_S)
    return Response(b"ASGI: " + request.headers.get("x-mark", "").encode() + body)


async def refusing(_: Request) -> Response:
    return Response(status_code=401)


@pytest.fixture
def server() -> Iterator[uvicorn.Server]:
    app = Starlette(
        routes=[
            Route("/door", usual, methods=["GET", "POST"]),
            Route("/closed", refusing, methods=["POST"]),
        ]
    )
    protocol = protocol_with({b"/door": Door(), b"/closed": Door()})
    running = uvicorn.Server(
        uvicorn.Config(app, port=0, http=protocol, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=running.run)
    thread.start()
    until(lambda: running.started, "the server starts")
    yield running
    running.should_exit = True
    thread.join()


def answer(server: uvicorn.Server, *pieces: bytes) -> bytes:
    """Return the answer to one request, which is sent in pieces."""
    with connected(server) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.02 if len(pieces) > 1 else 0)
        return b"".join(answers(connection, 1))


def test_a_door_answers_with_the_headers_that_all_answers_have(server: uvicorn.Server) -> None:
    told = answer(server, request(b"quick one"))
    head, _, body = told.partition(b"\r\n\r\n")
    assert body == b"at once: quick one"
    status, *lines = head.split(b"\r\n")
    assert status == b"HTTP/1.1 200 OK"
    assert [line.partition(b":")[0] for line in lines] == [b"date", b"server", b"content-length"]


def test_it_sees_the_headers_of_the_request(server: uvicorn.Server) -> None:
    told = answer(server, request(b"quick", b"X-Mark: seen"))
    assert told.endswith(b"at once: seen")


def test_so_it_does_however_the_head_is_cut(server: uvicorn.Server) -> None:
    whole = request(b"quick one")
    last = whole[-len(b"\nquick one") :]
    for size in (7, 30, len(whole)):
        head = whole[: -len(last)]
        pieces = [head[at : at + size] for at in range(0, len(head), size)]
        assert answer(server, *pieces, last).endswith(b"at once: quick one"), size


def test_a_body_that_does_not_come_with_its_head_reaches_asgi_whole(
    server: uvicorn.Server,
) -> None:
    whole = request(b"quick one")
    for size in (7, len(whole) - len(b"quick one"), len(whole) - 1):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert answer(server, *pieces).endswith(b"\r\n\r\nASGI: quick one"), size


def test_a_body_that_never_comes_keeps_asgi_from_nothing(server: uvicorn.Server) -> None:
    """It may refuse by the head, as it does here."""
    whole = request(b"quick one", line=b"POST /closed HTTP/1.1")
    for sent in (whole[: -len(b"quick one")], whole[:-1]):
        assert answer(server, sent).startswith(b"HTTP/1.1 401 "), sent


def test_nor_does_it_keep_its_connection(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 0.2)
    whole = request(b"quick one")
    for sent in (whole[: -len(b"quick one")], whole[:-1]):
        with connected(server) as connection:
            connection.sendall(sent)
            assert answers(connection, 1) == [], sent


def test_a_body_that_is_no_http_is_refused_once(server: uvicorn.Server) -> None:
    head = b"POST /door HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connected(server) as connection:
        connection.sendall(head + b"5\r\nquick\r\nno length\r\n")
        told = answers(connection, 2)
    assert [each.partition(b"\r\n")[0] for each in told] == [b"HTTP/1.1 400 Bad Request"]


def test_chunks_are_a_body_as_well(server: uvicorn.Server) -> None:
    head = b"POST /door HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    told = answer(server, head + b"5\r\nquick\r\n4\r\n one\r\n0\r\n\r\n")
    assert told.endswith(b"at once: quick one")


@pytest.mark.parametrize(
    ("body", "told"),
    [(b"quick", b"at once: quick"), (b"slow", b"ASGI: slow")],
    ids=["the door", "ASGI"],
)
def test_what_comes_behind_the_body_is_no_header_of_the_request(
    server: uvicorn.Server, body: bytes, told: bytes
) -> None:
    head = b"POST /door HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%b\r\n" % (len(body), body)
    whole = head + chunk + b"0\r\nX-Mark: forged\r\n\r\n"
    assert answer(server, whole).endswith(told)


@pytest.mark.parametrize(
    "body",
    [b"", b"slow", b"broken", b"quick" * LONGEST, b"slow" * LONGEST],
    ids=["no body", "at a loss", "broken", "too long", "too long and cut"],
)
def test_what_the_door_does_not_answer_reaches_asgi_whole(
    server: uvicorn.Server, body: bytes
) -> None:
    whole = request(body)
    assert answer(server, whole).endswith(b"\r\n\r\nASGI: " + body)
    pieces = [whole[at : at + 90] for at in range(0, len(whole), 90)]
    assert answer(server, *pieces).endswith(b"\r\n\r\nASGI: " + body)


@pytest.mark.parametrize(
    "unusual",
    [
        request(b"quick", line=b"POST /door?now HTTP/1.1"),
        request(b"quick", line=b"GET /door HTTP/1.1"),
        request(b"quick", line=b"POST /door HTTP/1.0"),
        request(b"quick", b"Connection: keep-alive", line=b"POST /door HTTP/1.0"),
        request(b"quick", b"Connection: close"),
    ],
    ids=["query", "method", "old", "old and kept", "last"],
)
def test_what_is_unusual_about_a_request_is_left_to_asgi(
    server: uvicorn.Server, unusual: bytes
) -> None:
    assert answer(server, unusual).endswith(b"\r\n\r\nASGI: quick")


def test_whoever_asks_whether_to_send_a_body_is_told(server: uvicorn.Server) -> None:
    with connected(server) as connection:
        whole = request(b"quick", b"Expect: 100-continue")
        connection.sendall(whole[: -len(b"quick")])
        assert answers(connection, 1) == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        connection.sendall(b"quick")
        assert answers(connection, 1)[0].endswith(b"ASGI: quick")


def test_many_requests_in_one_piece_are_answered_in_their_order(server: uvicorn.Server) -> None:
    bodies = [b"quick 1", b"slow 2", b"quick 3", b"quick 4", b"slow 5", b"quick 6"]
    with connected(server) as connection:
        connection.sendall(b"".join(request(body) for body in bodies))
        told = answers(connection, len(bodies))
        assert [each.rpartition(b": ")[2] for each in told] == bodies
        assert b"at once" in told[0]
        assert all(b"ASGI" in each for each in told[1:]), "one at once of what came at once"

        connection.sendall(request(b"quick again"))
        assert answers(connection, 1)[0].endswith(b"at once: quick again")


def test_one_behind_an_answer_at_once_takes_as_long_as_it_likes(server: uvicorn.Server) -> None:
    """The connection is not without a request meanwhile."""
    server.config.timeout_keep_alive = KEPT_S
    with connected(server) as connection:
        connection.sendall(request(b"quick") + request(b"long"))
        told = answers(connection, 2)
        assert [each.rpartition(b"\r\n")[2] for each in told] == [b"at once: quick", b"ASGI: long"]


def test_one_that_comes_while_another_is_under_way_waits_for_it(server: uvicorn.Server) -> None:
    with connected(server) as connection:
        connection.sendall(request(b"slow") + request(b"quick")[:-1])
        time.sleep(0.02)
        connection.sendall(b"k")
        first, second = answers(connection, 2)
        assert first.endswith(b"ASGI: slow")
        assert second.endswith(b": quick")


def test_where_answers_close_their_connection_asgi_gives_them(server: uvicorn.Server) -> None:
    with connected(server) as connection:
        connection.sendall(request(b"quick"))
        assert answers(connection, 1)[0].endswith(b"at once: quick")
        server.config.encoded_headers.append((b"connection", b"close"))

        def is_told() -> bool:
            return (b"connection", b"close") in server.server_state.default_headers

        until(is_told, "uvicorn takes the header over, once a second")
        connection.sendall(request(b"quick"))
        told = answers(connection, 2)
        assert len(told) == 1, "the connection is closed behind it"
        assert b"\r\nconnection: close\r\n" in told[0]
        assert told[0].endswith(b"ASGI: quick")


def has_begun(server: uvicorn.Server) -> bool:
    return any(
        isinstance(each, AtOnceProtocol) and each.cycle is not None
        for each in server.server_state.connections
    )


def test_a_server_that_stops_waits_for_the_body_that_is_arriving(server: uvicorn.Server) -> None:
    whole = request(b"quick one")
    with connected(server) as connection:
        connection.sendall(whole[:-1])
        until(lambda: has_begun(server), "the server has the head of the request")
        server.should_exit = True
        until(lambda: not server.servers[0].is_serving(), "the server stops listening")
        connection.sendall(whole[-1:])
        told = answers(connection, 2)
        assert len(told) == 1, "the connection is closed behind it"
        assert told[0].endswith(b"ASGI: quick one")


def test_a_connection_that_breaks_within_a_body_harms_nobody(server: uvicorn.Server) -> None:
    with connected(server) as connection:
        connection.sendall(request(b"quick one")[:-1])
    assert answer(server, request(b"quick two")).endswith(b"at once: quick two")


def test_heads_are_bounded_before_a_door_as_well(
    server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = request(b"quick", b"X: " + b"x" * MAX_HEAD).partition(b"\r\n\r\n")[0]
    assert answer(server, endless).startswith(b"HTTP/1.1 431 ")
    with connected(server) as connection:
        padded = request(b"quick", b"X: " + b"x" * (MAX_HEAD // 4))
        for _ in range(6):
            connection.sendall(padded)
            assert answers(connection, 1)[0].endswith(b"at once: quick")

        monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.2)
        connection.sendall(padded[:40])
        assert answers(connection, 1) == [], "a head that does not come is not waited for"
