"""Doors whose answer is waited for without ASGI, and what may happen on a connection meanwhile."""

import time
from collections.abc import Iterator

import pytest

from passmuster_server import heads
from tests.support.raw_requests import answers, request, until
from tests.support.waiting_door import Running, bodies, running_door

KEPT_S = 1
"""How long a connection is kept without a request, where a test waits for that."""
CLOSE = (b"connection", b"close")


@pytest.fixture
def running() -> Iterator[Running]:
    with running_door() as found:
        yield found


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
