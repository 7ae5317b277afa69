"""The one address at which a browser may ask: what it answers, and what everybody else gets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from passmuster_agent.companion import loopback
from passmuster_agent.companion.channel import readable
from passmuster_agent.companion.loopback import REFUSAL, Loopback, read_request
from passmuster_agent.companion.socket_owner import is_own_connection
from passmuster_collectors.contract.attestation import Summons
from tests.support.running_server import free_port

SUMMONS = Summons("c" * 43, "s" * 43).text(b"k" * 32)
BACK = "https://passmuster.example.com/proof/return?a=x.y.z"


def navigation(port: int, **changes: str | None) -> bytes:
    """Return what Chromium sends for a window's navigation, with headers changed or left out."""
    fields: dict[str, str | None] = {
        "Host": f"127.0.0.1:{port}",
        "Connection": "keep-alive",
        "User-Agent": "Mozilla/5.0",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"GET /attest?c={SUMMONS} HTTP/1.1", *lines, "", ""]).encode()


@dataclass
class Companion:
    """A listener and its loop; `answers` are what the daemon says to each question, in turn."""

    listening: Loopback
    asked: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listening.port

    def send(self, data: bytes) -> bytes:
        """Send bytes and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as stream:
            stream.settimeout(20)
            stream.sendall(data)
            found = b""
            while piece := stream.recv(4096):
                found += piece
            return found


@contextmanager
def running(
    answer: Callable[[int, Loopback], bool], is_own: Callable[[socket.socket], bool]
) -> Iterator[Companion]:
    ended, asked = threading.Event(), list[str]()
    numbers: list[int] = []

    def ask(number: int, summons: str) -> bool:
        asked.append(summons)
        numbers.append(number)
        return answer(number, listening)

    listening = Loopback(ask, [free_port()], is_own)
    pending: list[int] = []

    def work() -> None:
        while not ended.is_set():
            readable(listening.descriptors(), 0.02)
            listening.step(time.monotonic())
            pending.extend(numbers)
            numbers.clear()
            for number in pending:
                listening.answer(number, BACK)
            pending.clear()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield Companion(listening, asked)
    finally:
        ended.set()
        thread.join()
        listening.close()


@pytest.fixture
def companion() -> Iterator[Companion]:
    with running(lambda *_: True, is_own_connection) as found:
        yield found


def test_a_windows_navigation_is_passed_on_and_sent_back(companion: Companion) -> None:
    answer = companion.send(navigation(companion.port)).decode()
    assert answer.startswith("HTTP/1.1 303 ")
    assert f"\r\nLocation: {BACK}\r\n" in answer
    assert "access-control" not in answer.lower()
    assert companion.asked == [SUMMONS]


def test_it_listens_on_this_machine_alone(companion: Companion) -> None:
    assert companion.listening._listening is not None
    assert companion.listening._listening.getsockname()[0] == "127.0.0.1"


REFUSED: dict[str, dict[str, str | None]] = {
    "a name that was made to lead here": {"Host": "rebound.example:28463"},
    "the other name of this machine": {"Host": "localhost:28463"},
    "another port": {"Host": "127.0.0.1:1"},
    "no host": {"Host": None},
    "a script's request": {"Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
    "a script's request without an answer": {
        "Sec_Fetch_Mode": "no-cors",
        "Sec_Fetch_Dest": "empty",
    },
    "a picture": {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
    "a frame": {"Sec_Fetch_Dest": "iframe"},
    "an origin": {"Origin": "https://evil.example"},
    "no fetch metadata": {"Sec_Fetch_Mode": None, "Sec_Fetch_Dest": None},
    "a body": {"Content_Length": "0"},
    "pieces": {"Transfer_Encoding": "chunked"},
    "a socket": {"Upgrade": "websocket"},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
def test_every_other_request_gets_the_same_refusal(
    companion: Companion, changes: dict[str, str | None]
) -> None:
    assert companion.send(navigation(companion.port, **changes)) == REFUSAL
    assert companion.asked == []


def requests(port: int) -> dict[str, bytes]:
    right = navigation(port)
    return {
        "a form": right.replace(b"GET", b"POST", 1),
        "a preflight": right.replace(b"GET", b"OPTIONS", 1)[:-2]
        + b"Access-Control-Request-Private-Network: true\r\n\r\n",
        "the first page": right.replace(b"/attest?c=" + SUMMONS.encode(), b"/", 1),
        "another parameter": right.replace(b"?c=", b"?d=", 1),
        "two parameters": right.replace(b" HTTP", b"&d=1 HTTP", 1),
        "a break in the summons": right.replace(b"ccc", b"c%0d", 1),
        "an empty summons": right.replace(SUMMONS.encode(), b"", 1),
        "a long summons": right.replace(b"c" * 43, b"c" * 300, 1),
        "an old protocol": right.replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        "two hosts": right[:-2] + f"Host: 127.0.0.1:{port}\r\n\r\n".encode(),
        "a folded header": right[:-2] + b" folded\r\n\r\n",
        "a second request behind": right + right,
        "letters that are none": right.replace(b"Mozilla", b"\xff\xfe", 1),
        "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    }


@pytest.mark.parametrize("name", requests(1))
def test_what_is_no_such_request_gets_the_same_refusal(companion: Companion, name: str) -> None:
    assert companion.send(requests(companion.port)[name]) == REFUSAL
    assert companion.asked == []


def test_a_head_without_end_is_refused(companion: Companion) -> None:
    assert companion.send(b"GET /attest?c=" + b"a" * 8_300) == REFUSAL


def test_who_says_nothing_is_let_go(companion: Companion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "HEAD_WITHIN_S", 0.1)
    assert companion.send(b"") == REFUSAL


def test_whoever_holds_all_connections_shuts_nobody_out(companion: Companion) -> None:
    idle = [socket.create_connection(("127.0.0.1", companion.port), 10) for _ in range(30)]
    try:
        assert b" 303 " in companion.send(navigation(companion.port))
    finally:
        for each in idle:
            each.close()


def test_a_page_that_asks_again_and_again_is_refused(companion: Companion) -> None:
    answers = [companion.send(navigation(companion.port)) for _ in range(loopback.MOST_ASKED + 1)]
    assert answers[-1] == REFUSAL
    assert len(companion.asked) == loopback.MOST_ASKED


def test_another_users_browser_is_refused() -> None:
    with running(lambda *_: True, lambda _: False) as companion:
        assert companion.send(navigation(companion.port)) == REFUSAL
        assert companion.asked == []


def test_without_a_daemon_everybody_is_refused() -> None:
    with running(lambda *_: False, is_own_connection) as companion:
        assert companion.send(navigation(companion.port)) == REFUSAL


def test_a_second_companion_takes_the_next_port() -> None:
    ports = [free_port(), free_port()]
    first = Loopback(lambda *_: True, ports)
    second = Loopback(lambda *_: True, ports)
    third = Loopback(lambda *_: True, ports)
    try:
        assert [first.port, second.port, third.port] == [*ports, 0]
        assert third.descriptors() == ()
    finally:
        for each in (first, second, third):
            each.close()


def test_a_refusal_tells_nothing() -> None:
    assert b"passmuster" not in REFUSAL.lower()
    assert read_request(b"", 1) is None
