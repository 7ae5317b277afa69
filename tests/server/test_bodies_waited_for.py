"""Bodies that do not come with their head: a door waits for them, unless ASGI would not."""

import time
from collections.abc import Iterator

import pytest

from passmuster_server import heads
from passmuster_server.at_once import AtOnceProtocol
from tests.support.raw_requests import answers, request, until
from tests.support.waiting_door import Running, bodies, running_door

CLOSE = (b"connection", b"close")
CHUNKED = b"POST /door HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def running() -> Iterator[Running]:
    with running_door() as found:
        yield found


def is_waited_for(running: Running) -> bool:
    """Whether uvicorn has a request of the only connection, and nobody has begun with it."""
    state = running.server.server_state
    known = any(
        isinstance(each, AtOnceProtocol) and each.cycle and not each.cycle.response_complete
        for each in state.connections
    )
    return known and not state.tasks


@pytest.mark.parametrize("size", [7, 60, 67])
def test_a_body_is_waited_for_however_it_is_cut(running: Running, size: int) -> None:
    whole = request(b"report in many pieces")
    with running.connected() as connection:
        for number in (1, 2):
            for at in range(0, len(whole), size):
                connection.sendall(whole[at : at + size])
                time.sleep(0.01)
            running.begins(number)
            running.becomes(b"answer %d" % number)
            assert bodies(answers(connection, 1)) == [b"answer %d" % number]


def test_an_answer_at_once_is_given_behind_it_too(running: Running) -> None:
    whole = request(b"quick")
    with running.connected() as connection:
        for _ in range(2):
            connection.sendall(whole[:-1])
            until(lambda: is_waited_for(running), "the server has the head")
            connection.sendall(whole[-1:] + request(b"usual"))
            assert bodies(answers(connection, 2)) == [b"at once: quick", b"ASGI: usual"]
    until(lambda: not running.server.server_state.connections, "the connection is lost")
    assert running.server.server_state.total_requests == 4


def test_where_the_head_is_refused_asgi_begins(running: Running) -> None:
    whole = request(b"report", b"X-Refused: yes")
    with running.connected() as connection:
        connection.sendall(whole[:-1])
        until(lambda: bool(running.server.server_state.tasks), "ASGI begins")
        connection.sendall(whole[-1:])
        assert bodies(answers(connection, 1)) == [b"ASGI: report"]
    assert running.door.begun == []


@pytest.mark.parametrize("body", [b"usual body", b"report" * 100])
def test_what_the_door_leaves_to_asgi_reaches_it_whole(running: Running, body: bytes) -> None:
    whole = request(body)
    with running.connected() as connection:
        for _ in range(2):
            for at in range(0, len(whole), 70):
                connection.sendall(whole[at : at + 70])
                time.sleep(0.01)
            assert bodies(answers(connection, 1)) == [b"ASGI: " + body]
    assert running.door.begun == []


def test_one_that_comes_behind_the_body_waits_for_its_turn(running: Running) -> None:
    whole = request(b"report 1")
    with running.connected() as connection:
        connection.sendall(whole[:-1])
        until(lambda: is_waited_for(running), "the server has the head")
        connection.sendall(whole[-1:] + request(b"report 2") + request(b"usual 3"))
        running.begins()
        running.becomes(b"first")
        told = bodies(answers(connection, 3))
        assert told == [b"first", b"ASGI: report 2", b"ASGI: usual 3"]


def test_a_body_that_never_comes_keeps_no_connection(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "BODY_WITHIN_S", 0.2)
    whole = request(b"report")
    for sent in (whole[: -len(b"report")], whole[:-1]):
        with running.connected() as connection:
            connection.sendall(sent)
            assert answers(connection, 1) == [], sent
    assert running.door.begun == []


def test_a_client_that_goes_away_within_the_body_harms_nobody(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(request(b"report")[:-1])
        until(lambda: is_waited_for(running), "the server has the head")
    until(lambda: not running.server.server_state.connections, "the connection is lost")
    assert running.door.begun == []
    with running.connected() as connection:
        connection.sendall(request(b"quick"))
        assert bodies(answers(connection, 1)) == [b"at once: quick"]


@pytest.mark.parametrize("body", [b"report", b"quick"])
def test_a_server_that_stops_waits_for_the_body_and_closes_behind_the_answer(
    running: Running, body: bytes
) -> None:
    whole = request(body)
    with running.connected() as connection:
        connection.sendall(whole[:-1])
        until(lambda: is_waited_for(running), "the server has the head")
        running.server.should_exit = True
        until(lambda: not running.connection().cycle.keep_alive, "the connection is to close")
        connection.sendall(whole[-1:])
        told = answers(connection, 2)
        assert bodies(told) == [b"ASGI: " + body]
        assert b"\r\nconnection: close\r\n" in told[0]


def test_where_answers_close_their_connection_asgi_gives_them(running: Running) -> None:
    whole = request(b"quick")
    with running.connected() as connection:
        connection.sendall(whole[:-1])
        until(lambda: is_waited_for(running), "the server has the head")
        running.server.config.encoded_headers.append(CLOSE)
        until(lambda: CLOSE in running.server.server_state.default_headers, "it is taken over")
        connection.sendall(whole[-1:])
        assert bodies(answers(connection, 1)) == [b"ASGI: quick"]


def test_a_body_that_is_no_http_is_refused_once(running: Running) -> None:
    with running.connected() as connection:
        connection.sendall(CHUNKED + b"6\r\nreport\r\n")
        until(lambda: is_waited_for(running), "the server has the head")
        connection.sendall(b"no length\r\n")
        told = answers(connection, 2)
    assert [each.partition(b"\r\n")[0] for each in told] == [b"HTTP/1.1 400 Bad Request"]
    assert running.door.begun == []


def test_whoever_asks_whether_to_send_a_body_is_told(running: Running) -> None:
    whole = request(b"report", b"Expect: 100-continue")
    with running.connected() as connection:
        connection.sendall(whole[: -len(b"report")])
        assert answers(connection, 1) == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        connection.sendall(b"report")
        assert bodies(answers(connection, 1)) == [b"ASGI: report"]
