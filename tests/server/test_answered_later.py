"""Doors whose answer is waited for without ASGI, and what may happen on a connection meanwhile."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from passmuster_server import heads
from passmuster_server.at_once import (
    BECOMES,
    Answer,
    AtOnceProtocol,
    Client,
    Headers,
    Later,
    protocol_with,
)
from tests.support.raw_requests import answers, connected, request, until

KEPT_S = 1
"""How long a connection is kept without a request, where a test waits for that."""
CLOSE = (b"connection", b"close")


@dataclass
class Door:
    """Begins with everything, and has the answer when a test says so."""

    begun: list["asyncio.Future[bytes]"] = field(default_factory=list)
    answered: list[bytes] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    max_body: int = 100

    def at_once(self, _: Headers, body: bytes, client: Client) -> Later | None:
        if body.startswith(b"usual"):
            return None
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.begun.append(future)
        self.clients.append(client)
        return Later(future, self.answer)

    def answer(self, result: bytes) -> Answer:
        if result == b"refused":
            raise LookupError(result)
        self.answered.append(result)
        return b"content-length: %d\r\n" % len(result), result

    async def by_asgi(self, request: Request) -> Response:
        becomes: asyncio.Future[bytes] | None = request.scope.get(BECOMES)
        if becomes is None:
            return Response(b"ASGI: " + await request.body())
        try:
            result = await becomes
        except ZeroDivisionError as error:
            result = str(error).encode()
        self.answered.append(result)
        return Response(b"ASGI has begun: " + result)


@dataclass
class Running:
    server: uvicorn.Server
    door: Door
    thread: threading.Thread

    def connected(self) -> socket.socket:
        return connected(self.server)

    def begins(self, number: int = 1) -> None:
        until(lambda: len(self.door.begun) == number, f"the door begins with request {number}")

    def becomes(self, result: bytes | Exception) -> None:
        """Let the request that has begun last have a result, or fail."""
        future = self.door.begun[-1]
        loop = future.get_loop()
        if isinstance(result, bytes):
            loop.call_soon_threadsafe(future.set_result, result)
        else:
            loop.call_soon_threadsafe(future.set_exception, result)

    def on_its_loop(self, work: Any, *arguments: Any) -> None:
        done = threading.Event()

        def run() -> None:
            work(*arguments)
            done.set()

        self.door.begun[-1].get_loop().call_soon_threadsafe(run)
        until(done.is_set, "the loop runs it")

    def connection(self) -> AtOnceProtocol:
        """Return the server's end of the only connection."""
        (found,) = self.server.server_state.connections
        assert isinstance(found, AtOnceProtocol)
        return found


@pytest.fixture
def running() -> Iterator[Running]:
    door = Door()
    app = Starlette(routes=[Route("/door", door.by_asgi, methods=["GET", "POST"])])
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, http=protocol_with({b"/door": door}), log_config=None, lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the server starts")
    yield Running(server, door, thread)
    server.should_exit = True
    thread.join()


def bodies(told: list[bytes]) -> list[bytes]:
    return [each.partition(b"\r\n\r\n")[2] for each in told]


def test_the_answer_is_given_when_it_is_there(running: Running) -> None:
    with running.connected() as connection:
        for number in (1, 2, 3):
            connection.sendall(request(b"report"))
            running.begins(number)
            running.becomes(b"answer %d" % number)
            (told,) = answers(connection, 1)
            status, *lines = told.partition(b"\r\n\r\n")[0].split(b"\r\n")
            assert status == b"HTTP/1.1 200 OK"
            names = [line.partition(b":")[0] for line in lines]
            assert names == [b"date", b"server", b"content-length"]
            assert bodies([told]) == [b"answer %d" % number]
        assert running.door.clients == [connection.getsockname()] * 3
    until(lambda: not running.server.server_state.tasks, "nothing is under way any more")
    assert running.server.server_state.total_requests == 3


def test_requests_behind_it_wait_for_their_turn(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report") + request(b"usual 2"))
        running.begins()
        connection.sendall(request(b"report 3"))
        until(lambda: bool(running.connection().pipeline), "the second one waits")
        running.becomes(b"first")
        told = bodies(answers(connection, 3))
        assert told == [b"first", b"ASGI: usual 2", b"ASGI: report 3"]
        connection.sendall(request(b"report 4"))
        running.begins(2)
        running.becomes(b"fourth")
        assert bodies(answers(connection, 1)) == [b"fourth"]


def test_so_they_do_where_asgi_gives_the_answer(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report") + request(b"usual 2"))
        running.begins()
        running.becomes(b"refused")
        told = bodies(answers(connection, 2))
        assert told == [b"ASGI has begun: refused", b"ASGI: usual 2"]


@pytest.mark.parametrize("result", [b"refused", ZeroDivisionError("failed")])
def test_what_is_no_answer_is_told_by_asgi_which_does_not_begin_again(
    running: Running, result: bytes | Exception
) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins()
        running.becomes(result)
        words = result if isinstance(result, bytes) else str(result).encode()
        assert bodies(answers(connection, 1)) == [b"ASGI has begun: " + words]
        assert len(running.door.begun) == 1
        connection.sendall(request(b"usual"))
        assert bodies(answers(connection, 1)) == [b"ASGI: usual"]


def test_a_client_that_goes_away_loses_its_answer_alone(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins()
    until(lambda: not running.server.server_state.connections, "the connection is lost")
    assert running.server.server_state.tasks, "a server that stops would wait for it"
    running.becomes(b"stored")
    until(lambda: running.door.answered == [b"stored"], "what became of it is known")
    until(lambda: not running.server.server_state.tasks, "nothing is under way any more")
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins(2)
        running.becomes(b"answer")
        assert bodies(answers(connection, 1)) == [b"answer"]


def test_nor_does_a_failure_trouble_anybody_then(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins()
    until(lambda: not running.server.server_state.connections, "the connection is lost")
    running.becomes(ZeroDivisionError("failed"))
    until(lambda: running.door.answered == [b"failed"], "what became of it is known")


def test_a_server_that_stops_gives_the_answer_and_closes_the_connection(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins()
        running.server.should_exit = True
        until(lambda: not running.connection().cycle.keep_alive, "the connection is to close")
        assert running.thread.is_alive()
        running.becomes(b"stored")
        told = answers(connection, 2)
        assert bodies(told) == [b"ASGI has begun: stored"]
        assert b"\r\nconnection: close\r\n" in told[0]
    running.thread.join(20)
    assert not running.thread.is_alive(), "it ends once it has answered"


def test_an_answer_that_comes_too_late_for_a_server_that_stops_is_given_up(
    running: Running,
) -> None:
    running.server.config.timeout_graceful_shutdown = KEPT_S
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins()
        running.server.should_exit = True
        running.thread.join(20)
        assert not running.thread.is_alive(), "it waits no longer than it is told to"
        assert running.door.begun[0].cancelled()
        assert running.door.answered == []


def test_where_answers_close_their_connection_asgi_gives_it(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins()
        running.server.config.encoded_headers.append(CLOSE)
        until(lambda: CLOSE in running.server.server_state.default_headers, "it is taken over")
        running.becomes(b"stored")
        assert bodies(answers(connection, 1)) == [b"ASGI has begun: stored"]
        connection.sendall(request(b"report"))
        told = answers(connection, 2)
        assert bodies(told) == [b"ASGI: report"], "the connection is closed behind it"


def test_where_a_client_takes_nothing_asgi_waits_for_it(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report"))
        running.begins()
        end = running.connection()
        running.on_its_loop(end.pause_writing)
        running.becomes(b"stored")
        until(lambda: running.door.answered == [b"stored"], "ASGI has the answer")
        running.on_its_loop(end.resume_writing)
        assert bodies(answers(connection, 1)) == [b"ASGI has begun: stored"]


def test_a_connection_is_not_without_a_request_meanwhile(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "HEAD_WITHIN_S", 0.2)
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 0.2)
    running.server.config.timeout_keep_alive = KEPT_S
    with running.connected() as connection:
        for number in (1, 2):
            connection.sendall(request(b"report"))
            running.begins(number)
            time.sleep(1.5 * KEPT_S if number == 2 else 0)
            running.becomes(b"answer")
            assert bodies(answers(connection, 1)) == [b"answer"]
        assert answers(connection, 1) == [], "it is closed when no other request comes"


def test_a_body_that_does_not_come_with_its_head_or_is_too_long_is_left_to_asgi(
    running: Running,
) -> None:
    whole = request(b"report")
    with running.connected() as connection:
        connection.sendall(whole[:-1])
        time.sleep(0.02)
        connection.sendall(whole[-1:])
        assert bodies(answers(connection, 1)) == [b"ASGI: report"]
        long = b"report" * running.door.max_body
        connection.sendall(request(long))
        assert bodies(answers(connection, 1)) == [b"ASGI: " + long]
    assert running.door.begun == []


def test_chunks_are_a_body_as_well(running: Running) -> None:
    head = b"POST /door HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with running.connected() as connection:
        connection.sendall(head + b"3\r\nrep\r\n3\r\nort\r\n0\r\n\r\n")
        running.begins()
        running.becomes(b"answer")
        assert bodies(answers(connection, 1)) == [b"answer"]
        whole = b"".join(b"1\r\n%c\r\n" % byte for byte in b"report" * running.door.max_body)
        connection.sendall(head + whole + b"0\r\n\r\n")
        assert bodies(answers(connection, 1)) == [b"ASGI: " + b"report" * running.door.max_body]


def test_what_is_no_http_behind_it_ends_the_connection(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report") + b"no request\r\n\r\n")
        running.begins()
        assert answers(connection, 1)[0].startswith(b"HTTP/1.1 400 ")
        running.becomes(b"stored")
        assert answers(connection, 1) == []
    until(lambda: running.door.answered == [b"stored"], "what became of it is known")
