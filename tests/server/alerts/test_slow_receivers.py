"""Receivers that are slow or hang: a try ends, and nobody but the alert waits for them."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from passmuster_server.alerts import connections
from passmuster_server.alerts.channels import TESTS_SIDE_BY_SIDE
from passmuster_server.alerts.errors import NotSentError
from passmuster_server.alerts.mail import send_mail
from passmuster_server.alerts.outbox import CLAIM
from passmuster_server.alerts.rules import Mail, Syslog
from passmuster_server.alerts.syslog import send_syslog
from tests.support.clocked_server import clocked_server
from tests.support.console import wait_until

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@contextlib.contextmanager
def dripping(octet: bytes) -> Iterator[tuple[int, threading.Event]]:
    """Listen on a port and say an octet every now and then; the event says that the caller left."""
    left, ending = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while not ending.wait(0.02):
                    connection.sendall(octet)
            left.set()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], left
        finally:
            ending.set()
            thread.join()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TRY_S", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(60)
def test_a_mail_server_that_never_ends_what_it_says_is_left() -> None:
    with dripping(b"2") as (port, left):
        mail = Mail("it@example.com", "gate@example.com", "127.0.0.1", port, "none")
        with pytest.raises(NotSentError, match="TimeoutError"):
            send_mail(mail, "x", "x", NOW)
        assert left.wait(30), "the connection stayed open"


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(60)
def test_a_receiver_of_syslog_that_never_ends_what_it_says_is_left() -> None:
    with dripping(b"x") as (port, left):
        began = time.monotonic()
        send_syslog(Syslog("127.0.0.1", port, "tcp"), [b"<83>1 - - - - - -"])
        assert time.monotonic() - began >= connections.TRY_S, "it had the time of a try"
        assert left.wait(30), "the connection stayed open"


@contextlib.contextmanager
def silent(receives: int = 0) -> Iterator[tuple[int, list[socket.socket]]]:
    """Listen on a port, let everybody in and say nothing; the list has who is there.

    `receives` are the octets for which the system has room.
    """
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if receives:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], held
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for each in held:
                each.close()


@pytest.mark.timeout(60)
def test_a_receiver_of_syslog_that_stays_open_and_silent_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "TIMEOUT_S", 1.0)
    with silent() as (port, _):
        send_syslog(Syslog("127.0.0.1", port, "tcp"), [b"<83>1 - - - - - -"])


@pytest.mark.timeout(60)
def test_what_waits_on_this_machine_for_a_receiver_that_reads_nothing_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "TIMEOUT_S", 1.0)
    with silent(receives=4_096) as (port, _):
        # More than that system takes, and less than this one keeps.
        messages = [b"<83>1 - - - - - - " + b"x" * 2_000] * 50
        with pytest.raises(NotSentError, match="TimeoutError"):
            send_syslog(Syslog("127.0.0.1", port, "tcp"), messages)


@pytest.mark.timeout(120)
def test_tests_that_hang_are_few_and_nothing_else_waits_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Until the receiver lets go of them.
    monkeypatch.setattr(connections, "TRY_S", 110.0)
    monkeypatch.setattr(connections, "TIMEOUT_S", 110.0)
    more_than_threads = min(32, (os.cpu_count() or 1) + 4) + TESTS_SIDE_BY_SIDE
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(clocked_server(tmp_path / "server"))
        token = server.command("gate-client", "it", "--scope", "alerts.manage").stdout.split()[-1]
        bearer = {"Authorization": f"Bearer {token}"}
        tries = stack.enter_context(ThreadPoolExecutor(more_than_threads))
        port, held = stack.enter_context(silent())
        server.command(
            *("alert", "add", "x", "--email", "it@example.com", "--from", "gate@example.com"),
            *("--smtp", f"127.0.0.1:{port}", "--smtp-security", "none"),
        )

        def test() -> str:
            answer = httpx.post(
                f"{server.url}/api/v1/alerts/x/test", headers=bearer, timeout=110, trust_env=False
            )
            return str(answer.json()["problem"])

        asked = [tries.submit(test) for _ in range(more_than_threads)]
        wait_until(lambda: sum(each.done() for each in asked) == len(asked) - TESTS_SIDE_BY_SIDE)
        refused = {each.result() for each in asked if each.done()}
        assert refused == {"other tests are under way: try again in a minute"}
        wait_until(lambda: len(held) == TESTS_SIDE_BY_SIDE)
        listed = httpx.get(
            f"{server.url}/api/v1/alerts", headers=bearer, timeout=60, trust_env=False
        )
        assert [each["name"] for each in listed.json()["alerts"]] == ["x"]
        assert sum(each.done() for each in asked) == len(asked) - TESTS_SIDE_BY_SIDE


def test_a_try_is_over_before_another_server_may_begin_one() -> None:
    assert 2 * timedelta(seconds=connections.TRY_S) < CLAIM
